// Calls the official Node SDK: a line of JSON in, a line of JSON after ANSWER out: the SDK logs to stdout, too. The first line says how to log in.
const readline = require("readline");
const { BasicCredentials } = require("@huaweicloud/huaweicloud-sdk-core");
const ecs = require("@huaweicloud/huaweicloud-sdk-ecs/v2/public-api");

let client = null;

function logIn({ endpoint, accessKey, secretKey, securityToken, projectId }) {
    let credentials = new BasicCredentials().withAk(accessKey).withSk(secretKey).withProjectId(projectId);
    if (securityToken) {
        credentials = credentials.withSecurityToken(securityToken);
    }
    client = ecs.EcsClient.newBuilder().withCredential(credentials).withEndpoint(endpoint).build();
    return { answer: {} };
}

async function call({ method, request }) {
    try {
        return { answer: await client[method](request) };
    } catch (error) {
        return { status: error.httpStatusCode, code: error.errorCode, message: String(error.errorMsg || error.message) };
    }
}

async function main() {
    for await (const line of readline.createInterface({ input: process.stdin })) {
        const asked = JSON.parse(line);
        process.stdout.write("ANSWER " + JSON.stringify(asked.method ? await call(asked) : logIn(asked)) + "\n");
    }
}

main();
