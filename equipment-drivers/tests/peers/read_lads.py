"""Reads the simulated bioreactor with asyncua, and holds its tree against the types that it says it is of.

    read_lads.py ADDRESS DEVICE USER PASSWORD FOLDER     (FOLDER is for this client's own certificate)

Every object and variable of the device must have all mandatory children of its type and of the types that one is derived
from. Then a value is read, a set-point written and refused, a method called, a subscription and an event awaited.
"""
import asyncio
import sys
from pathlib import Path

from asyncua import Client, ua
from asyncua.crypto.cert_gen import setup_self_signed_certificate
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256
from cryptography.x509.oid import ExtendedKeyUsageOID

URI = "urn:peer:asyncua"
LADS = "http://opcfoundation.org/UA/LADS/"
DI = "http://opcfoundation.org/UA/DI/"
DEVICE = "urn:catapult:device:lads-bioreactor"
MANDATORY = ua.NodeId(ua.ObjectIds.ModellingRule_Mandatory)
BELOW = [ua.ObjectIds.HasComponent, ua.ObjectIds.HasProperty, ua.ObjectIds.HasAddIn]


async def below(node):
    """Children of a node by browse name, without what is only organised."""
    found = {}
    for kind in BELOW:
        for one in await node.get_references(kind, ua.BrowseDirection.Forward, includesubtypes=False):
            found[one.BrowseName.Name] = one
    return found


class Types:
    """Names of the mandatory children of a type, with those of the types that it is derived from."""

    def __init__(self, client):
        self.client, self.known = client, {}

    async def mandatory(self, kind):
        if kind not in self.known:
            node = self.client.get_node(kind)
            names = set()
            for name, one in (await below(node)).items():
                child = self.client.get_node(one.NodeId)
                rules = await child.get_references(ua.ObjectIds.HasModellingRule, ua.BrowseDirection.Forward)
                if any(rule.NodeId == MANDATORY for rule in rules):
                    names.add(name)
            for up in await node.get_references(ua.ObjectIds.HasSubtype, ua.BrowseDirection.Inverse):
                names |= await self.mandatory(up.NodeId)
            self.known[kind] = names
        return self.known[kind]


async def check(client, types, node, path, seen):
    children = await below(node)
    seen.append(path)
    if await node.read_node_class() in (ua.NodeClass.Object, ua.NodeClass.Variable):
        kind = await node.read_type_definition()
        missing = (await types.mandatory(kind)) - set(children)
        assert not missing, f"{path}: a {kind} without {sorted(missing)}"
    for name, one in children.items():
        await check(client, types, client.get_node(one.NodeId), f"{path}/{name}", seen)


class Inbox:
    def __init__(self):
        self.values, self.events = asyncio.Queue(), asyncio.Queue()

    def datachange_notification(self, node, value, data):
        self.values.put_nowait(value)

    def event_notification(self, event):
        self.events.put_nowait(event)


async def refused(target, value, status):
    try:
        await target.write_value(value)
    except ua.UaStatusCodeError as error:
        assert status in type(error).__name__, error
    else:
        raise AssertionError(f"{value} was accepted")


async def use(client, ns, name):
    def node(path):
        return client.get_node(ua.NodeId(f"{name}/{path}", ns))

    temperature = node("Vessel/Temperature/CurrentValue")
    assert 15 < await temperature.read_value() < 45
    span = await (await temperature.get_child("0:EURange")).read_value()
    unit = await (await temperature.get_child("0:EngineeringUnits")).read_value()
    assert (span.Low, span.High, unit.DisplayName.Text) == (4.0, 45.0, "°C"), (span, unit)

    inbox = Inbox()
    subscription = await client.create_subscription(200, inbox)
    await subscription.subscribe_data_change(node("Heartbeat"))
    first = await asyncio.wait_for(inbox.values.get(), 30)
    while await asyncio.wait_for(inbox.values.get(), 30) <= first:
        pass

    target = node("Vessel/Temperature/TargetValue")
    await target.write_value(36.5)
    await refused(target, 99.0, "BadOutOfRange")
    await refused(target, True, "BadTypeMismatch")
    while await target.read_value() != 36.5:
        await asyncio.sleep(0.05)

    await subscription.subscribe_events(client.get_node(ua.NodeId(name, ns)))
    state = node("Vessel/FunctionalUnitState")
    assert (await node("Vessel/FunctionalUnitState/CurrentState").read_value()).Text == "Stopped"
    nothing = ua.Variant([], ua.VariantType.ExtensionObject, is_array=True)
    await state.call_method(node("Vessel/FunctionalUnitState/Start"), nothing)
    event = await asyncio.wait_for(inbox.events.get(), 30)
    assert "control loops running" in event.Message.Text, event
    assert (await node("Vessel/FunctionalUnitState/CurrentState").read_value()).Text == "Running"
    lock, context = node("Vessel/Lock"), ua.Variant("peer", ua.VariantType.String)
    assert await lock.call_method(node("Vessel/Lock/InitLock"), context) == 0
    assert await lock.call_method(node("Vessel/Lock/InitLock"), context) == -1
    assert await lock.call_method(node("Vessel/Lock/ExitLock")) == 0


async def main(address, name, user, password, folder):
    key, certificate = Path(folder) / "key.pem", Path(folder) / "cert.der"
    usage = [ExtendedKeyUsageOID.CLIENT_AUTH]
    await setup_self_signed_certificate(key, certificate, URI, "localhost", usage, {"commonName": "peer"})
    client = Client(address, timeout=30)
    client.application_uri = URI
    client.set_user(user)
    client.set_password(password)
    await client.set_security(SecurityPolicyBasic256Sha256, certificate, key)
    async with client:
        di = await client.get_namespace_index(DI)
        lads = await client.get_namespace_index(LADS)
        ns = await client.get_namespace_index(DEVICE)
        device = await client.nodes.objects.get_child([f"{di}:DeviceSet", f"{ns}:{name}"])
        kind = await device.read_type_definition()
        assert kind == ua.NodeId(1002, lads), f"{kind} is no LADSDeviceType"
        seen = []
        await check(client, Types(client), device, name, seen)
        assert f"{name}/FunctionalUnitSet/Vessel/FunctionSet/pH/CurrentValue/EURange" in seen, seen[:40]
        await use(client, ns, name)
        print(f"{len(seen)} nodes, all with the mandatory children of their types")


asyncio.run(main(*sys.argv[1:]))
