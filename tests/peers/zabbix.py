"""Asks a Zabbix agent as its server does (the passive check, without TLS)."""

import socket
import struct


def ask(port, key):
    """Returns the agent's answer to an item key."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        data = key.encode()
        connection.sendall(b"ZBXD\x01" + struct.pack("<II", len(data), 0) + data)
        answer = b""
        while part := connection.recv(4096):
            answer += part
    if not answer.startswith(b"ZBXD\x01"):
        raise ValueError(f"not an answer of a Zabbix agent: {answer!r}")
    return answer[13:].decode()
