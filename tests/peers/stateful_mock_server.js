// stripe-stateful-mock on a free port of this machine; its address is the first line printed.
"use strict";
const { createRequire } = require("node:module");
const { join } = require("node:path");
const mock = createRequire(join(process.argv[2], "package.json"))("stripe-stateful-mock");
const server = mock.createExpressApp().listen(0, "127.0.0.1", () => {
    console.log(`http://127.0.0.1:${server.address().port}`);
});
