# The client's side of one login by slixmpp's SCRAM, a base64 line a message:
# scram_client.py MECHANISM USER PASSWORD CHANNEL-BINDING
import base64
import sys

from slixmpp.util.sasl import client, mechanisms  # noqa: F401, registers them

name, user, password, binding = sys.argv[1:]
mech = client.MECHANISMS[name](
    name,
    {
        "username": client.saslprep(user).encode(),
        "password": client.saslprep(password).encode(),
        "authzid": b"",
        "channel_binding": binding.encode(),
    },
    {"encrypted": True},
)
message = mech.process()
while True:
    print(base64.b64encode(message).decode(), flush=True)
    line = sys.stdin.readline()
    if not line:
        break
    message = mech.process(base64.b64decode(line)) or b""
