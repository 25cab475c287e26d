// The pages of ECS jobs, inside Airflow's UI and outside it. Plain JavaScript that runs as it is: there is no build.
//
// A view is a function of what was read; `patch` changes of the page what differs, so that focus, selection and scroll
// position stay. Texts become text nodes: nothing that comes from the cloud is ever read as markup.

const HERE = new URL(".", import.meta.url);
const ROOT = new URL("..", HERE).pathname; // .../ecsjobs/
const HOME = new URL("../..", HERE).pathname; // Airflow's own
const SHELL = "/plugin/ecs-jobs";

const ASK_AGAIN = 5; // seconds
const ASK_AGAIN_AFTER_ERROR = 15;
const OLD_AFTER = 180;
const FOLD_BEYOND = 50;
const BETWEEN_TRIES = new Set([null, "restarting", "up_for_retry"]);
const QUEUED = new Set(["scheduled", "queued"]);

// ---------------------------------------------------------------- drawing

const tidy = (kids) => kids.flat(Infinity).filter((kid) => kid !== null && kid !== undefined && kid !== false);
const h = (tag, props, ...kids) => ({ tag, props: props ?? {}, kids: tidy(kids) });

const setProp = (node, name, value) => {
  if (name === "style") for (const [key, text] of Object.entries(value)) node.style.setProperty(key, text);
  else if (name.startsWith("on")) node[name] = value;
  else if (name === "value") { if (document.activeElement !== node) node.value = value; }
  else if (name === "selected") node.selected = Boolean(value); // the attribute does nothing once a user has chosen
  else if (value === null || value === undefined || value === false) node.removeAttribute(name);
  else node.setAttribute(name, value === true ? "" : String(value));
};

const patch = (parent, kids) => {
  kids.forEach((kid, i) => {
    const old = parent.childNodes[i];
    if (typeof kid !== "object") {
      const text = String(kid);
      if (old?.nodeType !== Node.TEXT_NODE) parent.insertBefore(document.createTextNode(text), old ?? null);
      else if (old.data !== text) old.data = text;
      return;
    }
    const fits = (candidate) => candidate?.localName === kid.tag && candidate.drawnAs?.props.key === kid.props.key;
    let node = old;
    if (!fits(node) && fits(old?.nextSibling)) {
      node = old.nextSibling; // what stood before it is gone
      old.remove();
    } else if (!fits(node)) {
      node = document.createElement(kid.tag);
      parent.insertBefore(node, old ?? null);
    }
    const before = node.drawnAs?.props ?? {};
    for (const name of Object.keys(before)) if (!(name in kid.props)) setProp(node, name, null);
    for (const [name, value] of Object.entries(kid.props)) if (name !== "key" && (before[name] !== value || name === "value")) setProp(node, name, value);
    node.drawnAs = kid;
    patch(node, kid.kids);
  });
  while (parent.childNodes.length > kids.length) parent.lastChild.remove();
};

// ---------------------------------------------------------------- texts

const number = new Intl.NumberFormat();
const plural = (count, word) => `${number.format(count)} ${word}${count === 1 ? "" : "s"}`;
const isTime = (value) => typeof value === "number" && Number.isFinite(value);
const text = (value) => (typeof value === "string" ? value : "");
const list = (value) => (Array.isArray(value) ? value : []);
const count = (value) => (Number.isInteger(value) && value > 0 ? value : 0);

const duration = (seconds) => {
  if (!isTime(seconds)) return "–";
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 172800) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
};
const clock = (seconds) => (isTime(seconds) ? new Date(seconds * 1000).toLocaleTimeString() : "–");
const moment = (seconds) => (isTime(seconds) ? new Date(seconds * 1000).toLocaleString() : "");
// An unchanged job is published again after `refresh` seconds. Records of earlier versions do not name them.
const usualAge = (record) => OLD_AFTER + 2 * Math.max(0, ...[record.poll_interval, record.refresh].filter(isTime));

const KIND = { SUCCESS: "ok", FAIL: "bad", RUNNING: "run", INIT: "idle", PENDING_PAYMENT: "pay" };
const kind = (status) => (Object.hasOwn(KIND, status) ? KIND[status] : "idle");
const badge = (status, title) => h("span", { class: `badge ${kind(status)}`, title }, status || "not seen yet");
const isFinished = (status) => status === "SUCCESS" || status === "FAIL";

const bar = (total, done, failed) =>
  h("div", { class: "bar", role: "img", "aria-label": `${done} of ${total} done, ${failed} failed` },
    h("i", { class: "ok", style: { width: `${total ? (100 * (done - failed)) / total : 0}%` } }),
    h("i", { class: "bad", style: { width: `${total ? (100 * failed) / total : 0}%` } }));

const copyText = async (value, button) => {
  try {
    await navigator.clipboard.writeText(value);
  } catch { // a page that is not served over TLS has no clipboard
    const area = document.createElement("textarea");
    area.value = value;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    button.focus();
  }
  button.dataset.copied = "yes";
  setTimeout(() => delete button.dataset.copied, 1500);
};
const copyButton = (value, what) =>
  h("button", { class: "copy", type: "button", title: `Copy ${what}`, "aria-label": `Copy ${what} ${value}`, onclick: (event) => copyText(value, event.currentTarget) });
const idWithCopy = (value, what) => h("span", { class: "id" }, h("code", { title: value }, value), copyButton(value, what));

// ---------------------------------------------------------------- addresses

const taskPath = (key) => {
  const mapped = key.map_index >= 0 ? `/mapped/${key.map_index}` : "";
  return `/dags/${encodeURIComponent(key.dag_id)}/runs/${encodeURIComponent(key.run_id)}/tasks/${encodeURIComponent(key.task_id)}${mapped}`;
};
const taskName = (key) => `${key.dag_id} · ${key.task_id}${key.map_index >= 0 ? ` [${key.map_index}]` : ""}`;
const query = (fields) => new URLSearchParams(Object.entries(fields).filter(([, value]) => value !== "" && value !== undefined)).toString();

// ---------------------------------------------------------------- what both pages have in common

// Airflow answers 403 to a token that is not valid any more, for instance after its secret was changed.
const isLoggedOut = async (answer) =>
  answer.status === 401 || (answer.status === 403 && (await answer.clone().json().catch(() => null))?.detail === "Invalid JWT token");

// Reads, draws, and reads again. `offset` is what the server's clock is ahead of the browser's.
class View {
  constructor(node, place) {
    this.node = node;
    this.place = place;
    this.state = {};
    this.data = null;
    this.error = "";
    this.offset = 0;
    this.ticker = setInterval(() => this.draw(), 1000);
    this.onVisible = () => { if (!document.hidden && this.isDue) this.read(); };
    document.addEventListener("visibilitychange", this.onVisible);
    this.draw();
    this.read();
  }

  get now() { return Date.now() / 1000 + this.offset; }

  async read() {
    clearTimeout(this.timer);
    this.isDue = false;
    const asked = (this.asked = {});
    let error = "", data = null;
    try {
      data = await this.ask(this.address());
    } catch (problem) {
      error = problem.message;
    }
    if (this.isOver || this.asked !== asked) return;
    this.error = error;
    if (data) {
      this.data = data;
      this.readAt = Date.now() / 1000;
      if (isTime(data.now)) this.offset = data.now - this.readAt;
    }
    this.draw();
    if (this.data && this.isFinal()) return;
    this.timer = setTimeout(() => { if (document.hidden) this.isDue = true; else this.read(); }, 1000 * (error ? ASK_AGAIN_AFTER_ERROR : ASK_AGAIN));
  }

  async ask(address) {
    // Airflow 3.0 keeps the user's token there. Later ones have it in a cookie, beside which an old token may be left.
    const token = localStorage.getItem("token");
    const fetchAs = (extra) => fetch(ROOT + address, { headers: { Accept: "application/json", ...extra }, credentials: "same-origin" });
    let answer;
    try {
      answer = token && this.needsToken ? null : await fetchAs({});
      if (token && (!answer || (await isLoggedOut(answer)))) {
        answer = await fetchAs({ Authorization: `Bearer ${token}` });
        this.needsToken = answer.ok;
      }
    } catch {
      throw new Error("Airflow's API server does not answer.");
    }
    if (answer.ok) return answer.json();
    if (await isLoggedOut(answer)) throw new Error("You are not logged in any more.");
    const said = { 403: "You may not read this DAG's tasks and XComs.", 404: "There is no such task instance." };
    throw new Error(said[answer.status] ?? `Airflow's API server answered with HTTP ${answer.status}.`);
  }

  // The address has changed.
  moved() {
    this.draw();
    this.read();
  }

  set(state) {
    Object.assign(this.state, state);
    this.draw();
  }

  draw() {
    if (!this.isOver) patch(this.node, tidy(this.content()));
  }

  trouble() {
    if (!this.error) return null;
    const old = this.data ? ` What is shown was read at ${clock(this.readAt)}.` : "";
    return h("p", { class: "note bad", role: "alert", key: "trouble" }, this.error + old);
  }

  link(path, label, props) {
    const { place } = this;
    const inside = place.navigate && !path.startsWith("/ecsjobs");
    const onclick = (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
      event.preventDefault();
      place.navigate(path);
    };
    return h("a", { ...props, href: HOME + path.slice(1), onclick: inside ? onclick : null }, label);
  }

  jobPath(key) {
    if (this.place.navigate) return `${SHELL}?${query(key)}`;
    const { dag_id, ...rest } = key;
    return `/ecsjobs/dags/${encodeURIComponent(dag_id)}/job?${query(rest)}`;
  }

  get listPath() { return this.place.navigate ? SHELL : "/ecsjobs/jobs"; }

  close() {
    this.isOver = true;
    clearInterval(this.ticker);
    clearTimeout(this.timer);
    document.removeEventListener("visibilitychange", this.onVisible);
  }
}

// ---------------------------------------------------------------- the job of a task

const readRows = (record) => {
  let rows = [];
  try { rows = JSON.parse(record.sub_jobs); } catch { /* no sub-jobs, or a record that is damaged */ }
  const causes = list(record.causes);
  return list(rows).filter(Array.isArray).map(([type, what, id, status, began, ended, cause], place) => ({
    place, type: text(type), what: text(what), id: text(id), status: text(status), began, ended, cause: text(causes[cause]),
  }));
};

const serverBox = (key, servers, more, said) => {
  const ids = list(servers).map(text);
  const total = ids.length + count(more);
  return ids.length ? h("div", { class: "servers", key },
    h("p", null, h("strong", null, `${plural(total, "server")} ${said(total)}`), " ", copyButton(ids.join("\n"), "all ids")),
    h("ul", { class: "ids" }, ids.map((server) => h("li", null, idWithCopy(server, "server id"))))) : null;
};

class JobView extends View {
  constructor(node, place, key) {
    super(node, Object.assign(place, { key }));
  }

  address() {
    const { dag_id, ...rest } = this.place.key;
    return `api/dags/${encodeURIComponent(dag_id)}/job?${query(rest)}`;
  }

  isFinal() { return this.data.task.is_over; }

  content() {
    const { key } = this.place;
    const record = this.data?.record;
    return [
      h("nav", { class: "where", "aria-label": "Task" },
        this.link(this.listPath, "ECS jobs"), h("span", { "aria-hidden": "true" }, "›"),
        this.link(taskPath(key), taskName(key)), h("span", { class: "muted" }, key.run_id)),
      this.trouble(),
      ...(this.data ? (record ? this.job(record) : [h("p", { class: "empty" }, this.without())]) : [h("p", { class: "empty" }, this.error ? "Nothing could be read." : "Loading …")]),
    ];
  }

  without() {
    const { task, is_elsewhere } = this.data;
    if (is_elsewhere) return "The record of this job is kept by an XCom backend of your own, which this page can't read.";
    if (task.is_over) return "This try of the task published no ECS job. It ended before there was one, or it waits for none, or publishing is off ([ecsjobs] publish_jobs, or the task's do_xcom_push).";
    if (task.state === "deferred") return "This task waits, but has published no ECS job. Publishing may be off ([ecsjobs] publish_jobs, or the task's do_xcom_push).";
    if (task.state === "running") return "The task runs. It has not named its ECS job yet.";
    return `The task has not come to an ECS job yet in this try (${task.state || "not scheduled"}).`;
  }

  job(record) {
    const { task, console_url } = this.data;
    const status = text(record.status);
    const isEarlier = Number.isInteger(record.try) && record.try < task.try_number;
    // A task that resumes or polls again is queued in the same try. A record of an earlier version does not name its try.
    const isQueued = QUEUED.has(task.state) && Number.isInteger(record.try) && !isEarlier;
    const isBetween = BETWEEN_TRIES.has(task.state) || (QUEUED.has(task.state) && !isQueued);
    const isWaiting = !record.outcome && !task.is_over && !isBetween && !isEarlier && !(isQueued && task.is_resuming);
    const age = this.now - record.seen_at;
    return [
      h("header", { class: "head" },
        h("h1", null, text(record.job_type) || "ECS job"), badge(status),
        record.job_id ? idWithCopy(text(record.job_id), "job id") : null,
        h("span", { class: "grow" }),
        h("span", { class: "muted num" }, isTime(record.seen_at) ? (isWaiting ? `seen ${duration(age)} ago` : `last seen ${moment(record.seen_at)}`) : ""),
        console_url ? h("a", { href: console_url, target: "_blank", rel: "noopener noreferrer" }, "ECS console ↗") : null),
      isEarlier && !isBetween ? h("p", { class: "note", key: "earlier" }, `This is of try ${record.try}. Try ${task.try_number} has not named its ECS job yet.`) : null,
      isBetween ? h("p", { class: "note", key: "between" }, `This is of the last try. The task has not begun anew yet (${task.state || "not scheduled"}).`) : null,
      isQueued ? h("p", { class: "note", key: "queued" }, isWaiting ? `The task waits for a worker slot, for its next poll (${task.state}).` : `The wait is over. The task waits for a worker slot (${task.state}).`) : null,
      isWaiting && !isQueued ? this.staleness(record, age) : null,
      this.failure(record, task),
      this.tiles(record, task, isWaiting),
      ...this.timeline(record, isWaiting),
    ];
  }

  staleness(record, age) {
    if (!isTime(record.seen_at)) return h("p", { class: "note", key: "unseen" }, "The job has been submitted or named. No look at it has been published yet.");
    if (age <= usualAge(record)) return null;
    return h("p", { class: "note pay", role: "status", key: "old" },
      `This is old: no look at the job has been published since ${moment(record.seen_at)}. The API may not answer, or the triggerer is stopped or busy. The task goes on by itself.`);
  }

  failure(record, task) {
    const failure = record.failure ?? {};
    // A task that was killed or marked while it waited has published no end.
    const isBad = record.outcome ? !(record.outcome === "finished" && record.status === "SUCCESS") : task.is_over && task.state !== "success";
    if (!isBad) return null;
    const causes = list(failure.causes).filter(Array.isArray);
    const failed = count(record.failed), total = count(record.total);
    const isJobFailure = record.outcome === "finished";
    const title = !record.job_id ? "There is no job to wait for" : !isJobFailure ? "The wait ended without the end of the job" : causes.length ? `${failed} of ${plural(total, "sub-job")} failed` : "The job failed";
    return h("section", { class: "failure", role: "alert", "aria-label": "Why it failed", key: "failure" },
      h("h2", null, title),
      isJobFailure ? null : h("p", null, text(record.message) || "The task was stopped. The job goes on: there is no API that cancels it."),
      causes.length ? h("ul", null, causes.map(([cause, times]) => h("li", null, h("strong", null, text(cause)), times > 1 ? ` (${number.format(times)} ×)` : ""))) : null,
      count(failure.more_causes) ? h("p", { class: "muted" }, `and ${plural(count(failure.more_causes), "further cause")}`) : null,
      failure.own ? h("p", { class: causes.length ? "muted" : "" }, causes.length ? `The job itself: ${text(failure.own)}` : text(failure.own)) : null,
      list(failure.hints).map((hint) => h("p", { class: "hint" }, text(hint))),
      this.servers(record));
  }

  servers(record) {
    if (record.status === "PENDING_PAYMENT") return null; // Nothing is created before the order is paid.
    const held = record.failure ?? record; // Earlier versions wrote one list.
    return [
      serverBox("created", held.servers, held.more_servers, (total) => (total === 1 ? "exists and costs money" : "exist and cost money")),
      serverBox("possible", held.possible_servers, held.more_possible_servers, () => "may exist and cost money, the job does not say"),
    ];
  }

  tiles(record, task, isWaiting) {
    const total = count(record.total), done = count(record.done), failed = count(record.failed);
    const begin = isTime(record.started) ? record.started : task.started;
    const took = isTime(record.ended) && isTime(record.began) ? record.ended - record.began : null;
    const tile = (name, value, ...more) => h("div", { class: "tile" }, h("dt", null, name), h("dd", null, h("b", { class: "num" }, value), more));
    const left = record.deadline - this.now;
    const share = (this.now - begin) / (record.deadline - begin);
    return h("dl", { class: "tiles" },
      tile("Sub-jobs", total ? `${number.format(done)} of ${number.format(total)} done` : "none", total ? bar(total, done, failed) : null, failed ? h("small", null, `${number.format(failed)} failed`) : null),
      isWaiting ? tile("Waited", duration(this.now - begin), h("small", null, isTime(begin) ? `since ${this.now - begin < 43200 ? clock(begin) : moment(begin)}` : ""))
        : tile("Job took", duration(took), h("small", null, isTime(record.ended) ? `ended ${clock(record.ended)}` : isTime(task.ended) ? `the task ended ${clock(task.ended)}` : "")),
      !task.is_over ? null : tile("Waited", duration(isTime(task.ended) ? task.ended - begin : null), h("small", null, isTime(begin) ? `since ${moment(begin)}` : "")),
      !isWaiting ? (task.is_over && isTime(record.deadline) ? tile("Deadline", moment(record.deadline)) : null) : (isTime(record.deadline)
        ? tile("Deadline in", duration(left), h("div", { class: "bar", role: "img", "aria-label": `${Math.round(100 * share)} % of the time is over` }, h("i", { class: share > 0.9 ? "bad" : "run", style: { width: `${Math.min(100, Math.max(0, 100 * share))}%` } })), h("small", null, `at ${moment(record.deadline)}`))
        : tile("Deadline", "none", h("small", null, "waits as long as it takes"))),
      record.order_id || record.status === "PENDING_PAYMENT"
        ? tile("Order", record.status === "PENDING_PAYMENT" ? "unpaid" : "placed", record.order_id ? h("small", null, idWithCopy(text(record.order_id), "order id")) : h("small", null, "to be paid in the console")) : null,
      tile("Task", text(task.state) || "no status", h("small", null, `try ${task.try_number} · ${text(task.operator)}`)));
  }

  timeline(record, isWaiting) {
    const rows = readRows(record);
    if (!rows.length) {
      if (!isTime(record.began)) return [];
      rows.push({ place: 0, type: text(record.job_type), what: "", id: "", status: text(record.status), began: record.began, ended: record.ended, cause: "" });
    }
    const total = Math.max(count(record.total), rows.length);
    const { filter = "", only = "", isUnfolded = false } = this.state;
    const wanted = filter.toLowerCase();
    const found = rows.filter((row) => (!only || row.status === only) && (!wanted || [row.type, row.id, row.status, row.cause].some((value) => value.toLowerCase().includes(wanted))));
    const shown = isUnfolded ? found : found.slice(0, FOLD_BEYOND);
    const times = rows.flatMap((row) => [row.began, row.ended]).concat(record.began).filter(isTime);
    const from = Math.min(...times);
    // The cloud's clock may be ahead of ours: then nothing goes beyond the last time it gave.
    const to = Math.max(from + 1, ...times, isTime(record.ended) ? record.ended : isWaiting ? this.now : from);
    const axis = { from, to, share: (time) => `${(100 * (time - from)) / (to - from)}%` };
    const statuses = [...new Set([...rows.map((row) => row.status), only])].filter(Boolean).sort();
    const statusText = (status) => `${status} (${number.format(rows.filter((row) => row.status === status).length)})`;
    return [
      h("div", { class: "tools", key: "tools" },
        h("h2", null, count(record.total) ? plural(total, "sub-job") : "Over time"),
        h("span", { class: "grow" }),
        rows.length > 1 || filter || only ? [
          h("input", { type: "search", placeholder: "Server, type, cause …", "aria-label": "Filter the sub-jobs", value: filter, oninput: (event) => this.set({ filter: event.target.value }) }),
          h("select", { "aria-label": "Only sub-jobs with this status", onchange: (event) => this.set({ only: event.target.value }) },
            h("option", { value: "", selected: !only }, "any status"), statuses.map((status) => h("option", { value: status, selected: status === only }, statusText(status)))),
        ] : null),
      h("div", { class: "lanes", role: "table", "aria-label": "Sub-jobs over time", key: "lanes" },
        h("div", { class: "lane axis", role: "row" },
          h("span", { role: "columnheader" }, "What"),
          h("span", { role: "columnheader", class: "scale num" }, h("span", { title: moment(from) }, clock(from)), h("span", null, `+${duration((to - from) / 2)}`), h("span", null, `+${duration(to - from)}`)),
          h("span", { role: "columnheader" }, "Status"), h("span", { role: "columnheader", class: "time" }, "Time")),
        shown.map((row) => this.lane(row, axis, isWaiting))),
      found.length ? null : h("p", { class: "empty", key: "none" }, "No sub-job matches."),
      found.length > FOLD_BEYOND ? h("button", { class: "more", type: "button", key: "more", "aria-expanded": String(isUnfolded), onclick: () => this.set({ isUnfolded: !isUnfolded }) },
        isUnfolded ? `Show the first ${FOLD_BEYOND} only` : `Show all ${number.format(found.length)}`) : null,
      total > rows.length && rows.length > 1 ? h("p", { class: "muted", key: "unlisted" }, `${number.format(total - rows.length)} more are counted, and not listed here.`) : null,
    ];
  }

  lane(row, axis, isWaiting) {
    const isRunning = !isFinished(row.status) && isWaiting;
    const stop = isTime(row.ended) ? row.ended : axis.to;
    const took = isTime(row.began) && (isTime(row.ended) || isRunning) ? Math.max(0, stop - row.began) : null;
    const width = `${(100 * Math.max(0, stop - row.began)) / (axis.to - axis.from)}%`;
    return h("div", { class: "lane", role: "row", key: `${row.place}` },
      h("span", { role: "cell", class: "what" }, h("span", { class: "type" }, row.type || "job"), row.id ? h("span", { class: "subject" }, h("span", { class: "muted" }, row.what), " ", idWithCopy(row.id, `${row.what} id`)) : null),
      h("span", { role: "cell", class: "track" },
        isTime(row.began) ? h("i", { class: `${kind(row.status)}${isRunning ? " moving" : ""}`, role: "img", "aria-label": `${clock(row.began)} for ${duration(took)}`, title: `${moment(row.began)}, ${duration(took)}`, style: { left: axis.share(row.began), width } }) : null),
      h("span", { role: "cell" }, badge(row.status)),
      h("span", { role: "cell", class: "time num" }, duration(took)),
      row.cause ? h("span", { role: "cell", class: "cause" }, row.cause) : null);
  }
}

// ---------------------------------------------------------------- the list of waits

const COLUMNS = [
  ["task", "Task"], ["job", "Job"], ["status", "Status"], ["progress", "Sub-jobs done"],
  ["waited", "Waited", "num"], ["deadline", "Deadline in", "num"], ["changed", "Last change", "num"],
];
const STATUSES = ["INIT", "RUNNING", "PENDING_PAYMENT", "SUCCESS", "FAIL"];

class ListView extends View {
  get params() {
    const params = new URLSearchParams(this.place.search());
    return { q: params.get("q") ?? "", status: params.get("status") ?? "", sort: params.get("sort") ?? "-waited", page: params.get("page") ?? "1" };
  }

  address() { return `api/jobs?${query(this.params)}`; }

  isFinal() { return false; }

  go(change) {
    const { sort, page, ...rest } = { ...this.params, page: "1", ...change };
    const defaults = { sort: sort === "-waited" ? "" : sort, page: page === "1" ? "" : page };
    this.place.replaceSearch(query({ ...rest, ...defaults }));
  }

  type(event) {
    const q = event.target.value;
    clearTimeout(this.typing);
    this.typing = setTimeout(() => this.go({ q }), 300);
  }

  close() {
    clearTimeout(this.typing);
    super.close();
  }

  content() {
    const { q, status, sort } = this.params;
    const { rows = [], total = 0, page = 1, page_size: size = 1 } = this.data ?? {};
    const isFiltered = q || status;
    const first = (page - 1) * size;
    const th = ([name, title, style]) => {
      const direction = sort === name ? "ascending" : sort === `-${name}` ? "descending" : null;
      const mark = { ascending: " ↑", descending: " ↓" }[direction] ?? "";
      const next = direction === "ascending" ? `-${name}` : name;
      return h("th", { scope: "col", class: style, "aria-sort": direction }, h("button", { type: "button", onclick: () => this.go({ sort: next }) }, title + mark));
    };
    return [
      h("header", { class: "head" },
        h("h1", null, "ECS jobs"), h("span", { class: "muted", role: "status" }, this.data ? `${plural(total, "task")} ${total === 1 ? "waits" : "wait"} for a job${isFiltered ? " and match" + (total === 1 ? "es" : "") : ""}` : ""),
        h("span", { class: "grow" }),
        h("input", { type: "search", placeholder: "DAG, task, run, job id …", "aria-label": "Search", value: q, oninput: (event) => this.type(event) }),
        h("select", { "aria-label": "Status", onchange: (event) => this.go({ status: event.target.value }) },
          h("option", { value: "", selected: !status }, "any status"),
          [...new Set([...STATUSES, ...(status ? [status] : [])])].map((name) => h("option", { value: name, selected: name === status }, name)))),
      this.trouble(),
      rows.length ? h("div", { class: "scroll", key: "table" }, h("table", { class: "list" }, h("thead", null, h("tr", null, COLUMNS.map(th))), h("tbody", null, rows.map((row) => this.row(row)))))
        : h("p", { class: "empty", key: "empty" }, !this.data ? (this.error ? "Nothing could be read." : "Loading …") : isFiltered ? "No task that waits matches." : "No task waits for an ECS job now."),
      total > size ? h("nav", { class: "pages", "aria-label": "Pages", key: "pages" },
        h("button", { type: "button", disabled: page <= 1, onclick: () => this.go({ page: String(page - 1) }) }, "‹ Previous"),
        h("span", { class: "num" }, `${number.format(first + 1)}–${number.format(first + rows.length)} of ${number.format(total)}`),
        h("button", { type: "button", disabled: first + rows.length >= total, onclick: () => this.go({ page: String(page + 1) }) }, "Next ›")) : null,
    ];
  }

  row(row) {
    const key = { dag_id: row.dag_id, run_id: row.run_id, task_id: row.task_id, map_index: row.map_index };
    const total = count(row.total), done = count(row.done), failed = count(row.failed);
    const age = this.now - row.seen_at;
    const isOld = isTime(row.seen_at) && age > usualAge(row);
    return h("tr", { key: JSON.stringify(key) },
      h("td", null, this.link(this.jobPath(key), taskName(key)), h("small", null, row.run_id)),
      h("td", null, text(row.job_type) || "–", row.job_id ? h("small", null, h("code", null, text(row.job_id))) : null),
      h("td", null, badge(text(row.status))),
      h("td", { class: "progress" }, total ? [h("span", { class: "num" }, `${number.format(done)} of ${number.format(total)}${failed ? `, ${number.format(failed)} failed` : ""}`), bar(total, done, failed)] : "–"),
      h("td", { class: "num", "data-label": "Waited" }, duration(this.now - row.started)),
      h("td", { class: "num", "data-label": "Deadline in" }, isTime(row.deadline) ? duration(row.deadline - this.now) : "–"),
      h("td", { class: "num", "data-label": "Last change" },
        h("span", null, isTime(row.changed_at) ? h("span", { title: moment(row.changed_at) }, `${duration(this.now - row.changed_at)} ago`) : "–",
        isOld ? h("small", { class: "old", title: "No look at the job was published for long" }, `seen ${duration(age)} ago`) : null)));
  }
}

// ---------------------------------------------------------------- ways in

const readKey = (params, dagId) => {
  const index = Number.parseInt(params.get("map_index") ?? "-1", 10);
  return { dag_id: dagId ?? params.get("dag_id"), run_id: params.get("run_id"), task_id: params.get("task_id"), map_index: Number.isNaN(index) ? -1 : index };
};

const styled = new Promise((done) => {
  const href = new URL("ecs-jobs.css", HERE).href;
  if (document.querySelector(`link[href="${href}"], link[href="${new URL(href).pathname}"]`)) return done();
  const link = document.createElement("link");
  Object.assign(link, { rel: "stylesheet", href, onload: done, onerror: done });
  document.head.append(link);
});

const open = (node, place, key) => {
  let view = null, isClosed = false;
  styled.then(() => { if (!isClosed) view = key?.task_id ? new JobView(node, place, key) : new ListView(node, place); });
  return { moved: () => view?.moved(), close: () => { isClosed = true; view?.close(); node.replaceChildren(); } };
};

// Inside Airflow's UI: a thin component around a node that is ours.
const Page = (props) => {
  const { createElement, useEffect, useRef } = globalThis.React;
  const router = globalThis.ReactRouterDOM;
  const go = router.useNavigate();
  const { search } = router.useLocation();
  const node = useRef(null);
  const opened = useRef(null);
  const params = new URLSearchParams(search);
  const key = props.taskId
    ? { dag_id: props.dagId, run_id: props.runId, task_id: props.taskId, map_index: Number.parseInt(props.mapIndex ?? "-1", 10) }
    : readKey(params);
  const name = key.task_id ? JSON.stringify(key) : "";
  useEffect(() => {
    const place = { navigate: (path) => go(path), search: () => globalThis.location.search, replaceSearch: (text) => go({ search: text }, { replace: true }) };
    opened.current = open(node.current, place, key);
    return opened.current.close;
  }, [name]);
  useEffect(() => opened.current.moved(), [search]); // The router comes to a new address only after it was told to.
  return createElement("div", { className: "ecs-jobs", ref: node });
};
globalThis["ECS jobs"] = globalThis["ECS job"] = globalThis.AirflowPlugin = Page;

// Outside it: a page of its own, for users whom the UI shows no plugins.
const standalone = document.getElementById("ecs-jobs");
if (standalone) {
  standalone.classList.add("ecs-jobs");
  const place = {
    search: () => location.search,
    replaceSearch: (text) => {
      history.replaceState(null, "", text ? `?${text}` : location.pathname);
      opened.moved();
    },
  };
  const dag = /\/ecsjobs\/dags\/([^/]+)\/job$/.exec(location.pathname);
  const opened = open(standalone, place, dag && readKey(new URLSearchParams(location.search), decodeURIComponent(dag[1])));
}
