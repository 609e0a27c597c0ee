"""Reads the simulated Modbus devices with pymodbus.

    read_modbus.py BIOREACTOR INCUBATOR HETTICH COUNTER PRESSURE COMET     (each HOST:PORT)
"""
import struct
import sys
import time

from pymodbus.client import ModbusTcpClient


def single(high, low):
    return struct.unpack(">f", struct.pack(">HH", high, low))[0]


def pair(value):
    return list(struct.unpack(">HH", struct.pack(">f", value)))


def words(answer):
    assert not answer.isError(), answer
    return answer.registers


def refused(answer, code):
    assert answer.isError() and answer.exception_code == code, answer


def bioreactor(client):
    assert words(client.read_input_registers(0, count=1)) == [100]
    values = words(client.read_input_registers(10, count=20))
    temperature = single(*values[:2])
    assert 15 < temperature < 45, temperature
    mirror = words(client.read_input_registers(2000, count=20))
    assert abs(single(mirror[1], mirror[0]) - temperature) < 0.5
    refused(client.read_input_registers(40, count=2), 2)
    refused(client.read_input_registers(2000, count=61), 3)
    refused(client.write_register(10, 0x4214), 3)
    words_set = pair(36.5)
    assert not client.write_registers(10, words_set).isError()
    assert words(client.read_holding_registers(10, count=2)) == words_set
    refused(client.write_registers(10, pair(99.0)), 3)
    assert not client.write_register(0, 1).isError()
    assert words(client.read_holding_registers(0, count=2)) == [0, 0]
    assert words(client.read_input_registers(2, count=1))[0] & 1 == 1


def incubator(client):
    low, high = words(client.read_holding_registers(0x11A9, count=2))
    assert 30 < single(high, low) < 40


def hettich(client):
    (tenths,) = words(client.read_input_registers(0, count=1))
    assert 300 < tenths < 400, tenths
    refused(client.read_input_registers(5, count=1), 2)


def counter(client):
    until = time.monotonic() + 60
    while words(client.read_holding_registers(2, count=1))[0] & 4 == 0:
        assert time.monotonic() < until, "no record came"
    record = words(client.read_input_registers(0, count=76))
    assert record[3] == 60, record
    counts = [record[at] << 16 | record[at + 1] for at in range(8, 20, 2)]
    assert counts == sorted(counts, reverse=True), counts
    model = b"".join(struct.pack(">H", one) for one in words(client.read_holding_registers(14, count=8)))
    assert model.startswith(b"SIM"), model


def pressure(client):
    tenths, whole = words(client.read_input_registers(3, count=2))
    assert 0 < tenths < 600 and abs(tenths / 10 - whole) <= 0.6, (tenths, whole)
    assert words(client.read_input_registers(26, count=1)) == [0]


def comet(client):
    temperature, humidity = words(client.read_holding_registers(0x30, count=2))
    assert 180 < temperature < 240 and 350 < humidity < 550, (temperature, humidity)


for read, address in zip((bioreactor, incubator, hettich, counter, pressure, comet), sys.argv[1:], strict=True):
    host, port = address.rsplit(":", 1)
    client = ModbusTcpClient(host, port=int(port), timeout=10)
    assert client.connect(), address
    read(client)
    client.close()
    print(read.__name__, "read")
