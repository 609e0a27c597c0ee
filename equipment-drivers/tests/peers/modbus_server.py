"""A pymodbus server with units 3 and 7 and the small register map of tests/it/peer_modbus.rs.

    modbus_server.py tcp PORT
    modbus_server.py rtu PATH

It says "ready" when it listens. Each line on its standard input is an order: "late MS" delays the next answer.
"""
import asyncio
import sys

from pymodbus.framer import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

late_ms = 0


async def act(_function, _start, _address, _count, _registers, _values):
    global late_ms
    wait, late_ms = late_ms, 0
    if wait:
        await asyncio.sleep(wait / 1000)
    return None


def device(unit):
    return SimDevice(
        id=unit,
        simdata=(
            [SimData(0, count=16, values=True, datatype=DataType.BITS)],
            [SimData(0, count=16, values=True, datatype=DataType.BITS)],
            [SimData(4, values=37.0, datatype=DataType.FLOAT32)],
            [SimData(0, values=200 + unit, datatype=DataType.UINT16)],
        ),
        action=act,
    )


async def orders():
    global late_ms
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        word, number = line.split()
        assert word == "late"
        late_ms = int(number)


async def main():
    kind, where = sys.argv[1:]
    devices = [device(3), device(7)]
    if kind == "tcp":
        server = ModbusTcpServer(devices, address=("127.0.0.1", int(where)))
    else:
        server = ModbusSerialServer(devices, framer=FramerType.RTU, port=where, baudrate=115200, parity="N")
    await server.serve_forever(background=True)
    print("ready", flush=True)
    await orders()


asyncio.run(main())
