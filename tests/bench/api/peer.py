"""The peer: Python's own threading server that answers every call with one static JSON. Prints its port."""
import http.server
import sys

BODY = b'{"id":"CS-20261121-000042-R1","case":"CS-20261121-000042","state":"collecting","url":"/v1/requests/CS-20261121-000042-R1"}\n'


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.request_queue_size = 256
print(server.server_address[1], flush=True)
sys.stdout.close()
server.serve_forever()
