"""An OPC UA server by asyncua, told by a JSON file what to offer; says "ready" when it listens.

Lines on standard input change it while it runs: `service_level 150`, `event TEXT`.
"""
import asyncio
import json
import logging
import sys
from datetime import datetime, timezone

from asyncua import Server, ua
from asyncua.server.user_managers import CertificateUserManager, UserManager
from asyncua.crypto.permission_rules import User, UserRole

URI = "urn:peer:line"


class Users(UserManager):
    """One password, or the certificates of a list."""

    def __init__(self, config, certificates):
        self.config, self.certificates = config, certificates

    def get_user(self, iserver, username=None, password=None, certificate=None):
        # The certificate of the application comes along also where the user has none.
        if self.config.get("user_certificates"):
            return self.certificates.get_user(iserver, certificate=certificate)
        if self.config.get("user"):
            known = [username, password] == self.config["user"]
            return User(role=UserRole.User, name=username) if known else None
        return User(role=UserRole.User)


async def build(config):
    certificates = CertificateUserManager()
    for path in config.get("user_certificates", []):
        await certificates.add_user(path, name=path)
    server = Server(user_manager=Users(config, certificates))
    await server.init()
    await server.set_application_uri(config["uri"])
    server.set_endpoint(f"opc.tcp://127.0.0.1:{config['port']}/peer")
    # As behind address translation: the address that it advertises leads nowhere.
    server.set_match_discovery_endpoint_url(False)
    server.set_match_discovery_client_ip(False)
    if "certificate" in config:
        await server.load_certificate(config["certificate"])
        await server.load_private_key(config["key"])
    server.set_security_policy([getattr(ua.SecurityPolicyType, name) for name in config["policies"]])
    tokens = {"anonymous": ua.AnonymousIdentityToken, "user": ua.UserNameIdentityToken, "x509": ua.X509IdentityToken}
    server.set_identity_tokens([tokens[name] for name in config.get("tokens", ["anonymous"])])
    for number in range(config.get("namespaces_before", 0)):
        await server.register_namespace(f"urn:peer:other:{number}")
    return server, await server.register_namespace(URI)


async def fill(server, index, config):
    def node(name):
        return ua.NodeId(name, index)

    def named(name):
        return ua.QualifiedName(name, index)

    line = await server.nodes.objects.add_object(node("Line"), named("Line"))
    analog = ua.NodeId(ua.ObjectIds.AnalogItemType)

    async def variable(name, value, kind, writable=True):
        one = await line.add_variable(node(f"Line/{name}"), named(name), value, kind)
        if writable:
            await one.set_writable()
        return one

    temperature = await line.add_variable(
        node("Line/Temperature"), named("Temperature"), 25.0, ua.VariantType.Double
    )
    await temperature.add_property(0, "EURange", ua.Range(Low=0.0, High=100.0))
    unit = ua.EUInformation(NamespaceUri="http://www.opcfoundation.org/UA/units/un/cefact", UnitId=4408652,
                            DisplayName=ua.LocalizedText("°C"), Description=ua.LocalizedText("degree Celsius"))
    await temperature.add_property(0, "EngineeringUnits", unit)
    await variable("Setpoint", 37.0, ua.VariantType.Double)
    await variable("Small", 0.5, ua.VariantType.Float)
    await variable("Enabled", True, ua.VariantType.Boolean)
    await variable("Count", 3, ua.VariantType.UInt16)
    await variable("Name", "line", ua.VariantType.String)
    await variable("ReadOnly", 7, ua.VariantType.Int32, writable=False)

    def dose(parent, volume, pump):
        if volume.Value < 0:
            return ua.StatusCode(ua.StatusCodes.BadOutOfRange)
        return [ua.Variant(volume.Value * pump.Value, ua.VariantType.Double)]

    await line.add_method(node("Line/Dose"), named("Dose"), dose,
                          [ua.VariantType.Double, ua.VariantType.Int32], [ua.VariantType.Double])

    counters = []
    folder = await server.nodes.objects.add_folder(node("Counters"), named("Counters"))
    for number in range(config.get("counters", 0)):
        name = f"Counter/{number}"
        one = await folder.add_variable(node(name), named(name), 0, ua.VariantType.Int64)
        counters.append(one.nodeid)
    return temperature, counters


async def count(server, counters, period):
    """Every counter goes up by one in every period, so that a lost value shows."""
    value = 0
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        value += 1
        now = datetime.now(timezone.utc)
        data = ua.DataValue(ua.Variant(value, ua.VariantType.Int64), SourceTimestamp=now)
        for counter in counters:
            await server.write_attribute_value(counter, data)
        due += period
        await asyncio.sleep(max(0, due - loop.time()))


async def main():
    with open(sys.argv[1]) as file:
        config = json.load(file)
    logging.basicConfig(level=logging.ERROR)
    server, index = await build(config)
    temperature, counters = await fill(server, index, config)
    events = await server.get_event_generator()
    level = server.get_node(ua.NodeId(ua.ObjectIds.Server_ServiceLevel))
    async with server:
        print("ready", flush=True)
        feed = asyncio.create_task(count(server, counters, config.get("period_s", 0.1)))
        while line := await asyncio.to_thread(sys.stdin.readline):
            word, _, rest = line.strip().partition(" ")
            if word == "service_level":
                await level.write_value(ua.Variant(int(rest), ua.VariantType.Byte))
            elif word == "event":
                events.event.Severity = 700
                events.event.Message = ua.LocalizedText(rest)
                await events.trigger()
            elif word == "temperature":
                await temperature.write_value(float(rest))
        feed.cancel()


asyncio.run(main())
