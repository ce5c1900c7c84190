"""take_transactions.py URL TOKEN: takes what the homeserver has for the application service, until standard input ends.

While nobody takes transactions Synapse tries again after 2, 4, 8 … 512 s; what a test sends would come as late.
"""
import asyncio
import sys

import aiohttp


async def main(url, token):
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url + "/_matrix/client/unstable/fi.mau.as_sync", headers={"Authorization": "Bearer " + token}) as socket:
            print("connected", flush=True)
            reader = asyncio.ensure_future(drain(socket))
            await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
            reader.cancel()


async def drain(socket):
    async for _ in socket:
        pass


asyncio.run(main(*sys.argv[1:]))
