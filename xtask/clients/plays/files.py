"""Files: slixmpp uploads one over HTTP and curl fetches it; two slixmpps send each other one through the relay."""

import asyncio
import io
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import slixmpp
import stage

FILE = os.urandom(3_000_000)


class Client(slixmpp.ClientXMPP):
    """A client that is there when `came` is done."""

    def __init__(self, name, **plugins):
        super().__init__(f"{stage.jid(name)}/desk", stage.PASSWORD)
        self.enable_direct_tls = self.enable_starttls = False
        self.enable_plaintext = True
        self.plugin["feature_mechanisms"].unencrypted_scram = True
        for plugin in ("xep_0030", "xep_0363", "xep_0065"):
            self.register_plugin(plugin, plugins.get(plugin))
        self.came = asyncio.get_running_loop().create_future()
        self.add_event_handler("session_start", lambda _: self.came.set_result(None))

    async def come(self):
        self.connect("127.0.0.1", stage.port("plain"))
        await asyncio.wait_for(self.came, stage.PATIENCE)
        self.send_presence()


def curl(*words):
    """What curl writes, and its exit status."""
    ran = subprocess.run(["curl", "--silent", "--max-time", "20", *words], capture_output=True, check=False)
    return ran.stdout, ran.returncode


async def upload(amy):
    stage.say("— a file is uploaded and fetched")
    url = await amy.plugin["xep_0363"].upload_file(
        "très cool.jpg", domain=stage.HOST, size=len(FILE), content_type="image/jpeg", input_file=io.BytesIO(FILE)
    )
    stage.say(f"it is at {url}")
    stage.check("curl fetches what was uploaded", (True, 0), ((fetched := curl(url))[0] == FILE, fetched[1]))
    stage.check("curl fetches a part of it", (FILE[1_000:2_000], 0), curl("--range", "1000-1999", url))
    status = ("--output", "/dev/null", "--write-out", "%{http_code} %{content_type}")
    stage.check("it is a picture", (b"200 image/jpeg", 0), curl("--head", *status, url))
    again = os.path.join(stage.FOLDER, "again")
    with open(again, "wb") as file:
        file.write(FILE)
    stage.check("nothing can be put there again", b"409", curl(*status, "--upload-file", again, url)[0][:3])
    stage.check("nor fetched elsewhere", b"404", curl(*status, url.replace("cool", "hot"))[0][:3])


async def relay(amy, bob):
    stage.say("— a file goes from one to the other through the relay")
    arrived, shown = bytearray(), asyncio.get_running_loop().create_future()
    bob.add_event_handler("socks5_data", arrived.extend)
    # Strangers may not ask a client anything: bob shows himself.
    amy.add_event_handler("presence_available", lambda seen: seen["from"] == bob.boundjid and shown.set_result(None))
    bob.send_presence(pto=amy.boundjid)
    await asyncio.wait_for(shown, stage.PATIENCE)
    sock = await asyncio.wait_for(amy.plugin["xep_0065"].handshake(bob.boundjid, timeout=stage.PATIENCE), stage.PATIENCE)
    await sock.write(FILE)
    for _ in range(int(stage.PATIENCE * 20)):
        if len(arrived) >= len(FILE):
            break
        await asyncio.sleep(0.05)
    stage.check("bob has it", True, bytes(arrived) == FILE)
    stage.check("through the relay alone", [f"proxy.{stage.HOST}"], [str(jid) for jid in amy.plugin["xep_0065"]._proxies])


async def story():
    amy = Client("amy")
    bob = Client("bob", xep_0065={"auto_accept": True})
    await amy.come()
    await bob.come()
    await upload(amy)
    await relay(amy, bob)
    for client in (amy, bob):
        await client.disconnect()


stage.play(lambda: asyncio.run(story()))
