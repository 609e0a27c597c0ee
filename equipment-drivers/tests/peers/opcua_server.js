// An OPC UA server by node-opcua, told by a JSON file what to offer; says "ready" when it listens.
// It offers the same address space as opcua_server.py, as far as the tests ask for it.
"use strict";
const fs = require("fs");
const path = require("path");
const { createRequire } = require("module");
const peers = createRequire(path.join(process.env.MES_PEER_NODE, "node_modules", "x.js"));
const opcua = peers("node-opcua");

const URI = "urn:peer:line";

async function main() {
  const config = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
  const certificates = new opcua.OPCUACertificateManager({
    rootFolder: config.pki,
    automaticallyAcceptUnknownCertificate: true,
  });
  await certificates.initialize();
  const server = new opcua.OPCUAServer({
    port: config.port,
    resourcePath: "/peer",
    serverCertificateManager: certificates,
    userCertificateManager: certificates,
    certificateFile: config.certificate,
    privateKeyFile: config.key,
    serverInfo: { applicationUri: config.uri },
    securityPolicies: config.policies.map((name) => opcua.SecurityPolicy[name]),
    securityModes: config.modes.map((name) => opcua.MessageSecurityMode[name]),
    allowAnonymous: config.user === undefined,
    userManager: {
      isValidUser: (user, password) => config.user !== undefined && user === config.user[0] && password === config.user[1],
    },
    serverCapabilities: {
      operationLimits: { maxMonitoredItemsPerCall: config.items_per_call, maxNodesPerRead: config.nodes_per_read },
    },
  });
  await server.initialize();
  const space = server.engine.addressSpace;
  for (let number = 0; number < (config.namespaces_before || 0); number++) {
    space.registerNamespace(`urn:peer:other:${number}`);
  }
  const own = space.registerNamespace(URI);
  const line = own.addObject({ organizedBy: space.rootFolder.objects, browseName: "Line", nodeId: "s=Line" });
  const variable = (name, dataType, value) => own.addVariable({
    componentOf: line, browseName: name, nodeId: `s=Line/${name}`, dataType, value: { dataType, value },
    accessLevel: "CurrentRead | CurrentWrite", userAccessLevel: "CurrentRead | CurrentWrite",
  });
  own.addAnalogDataItem({
    componentOf: line, browseName: "Temperature", nodeId: "s=Line/Temperature", dataType: "Double",
    engineeringUnitsRange: { low: 0, high: 100 }, engineeringUnits: opcua.standardUnits.degree_celsius,
    value: { dataType: "Double", value: 25.0 },
  });
  variable("Setpoint", "Double", 37.0);
  variable("Enabled", "Boolean", true);
  variable("Count", "UInt16", 3);
  variable("Name", "String", "line");
  const counters = [];
  for (let number = 0; number < (config.counters || 0); number++) {
    counters.push(own.addVariable({
      organizedBy: line, browseName: `Counter${number}`, nodeId: `s=Counter/${number}`, dataType: "Int32",
      value: { dataType: "Int32", value: 0 },
    }));
  }
  let value = 0;
  setInterval(() => {
    value += 1;
    for (const counter of counters) counter.setValueFromSource({ dataType: "Int32", value });
  }, (config.period_s || 0.1) * 1000);
  await server.start();
  console.log("ready");
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
