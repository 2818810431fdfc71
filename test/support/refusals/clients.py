"""Python's clients, run by clients.ts: `clients.py URL KEY BYTES REFUSALS` prints a line of JSON per attempt."""

import http.client
import json
import sys
from urllib.parse import urlsplit

import httpx
import requests

url, key, size, chosen = sys.argv[1:]
head = b'--b\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
body = head + bytes(int(size))
transcriptions = "/v1/audio/transcriptions"
form = "multipart/form-data; boundary=b"

REFUSALS = {
    "413": ("POST", transcriptions, form, key, body),
    "401": ("POST", transcriptions, form, "sk-nobody", body),
    "404": ("POST", "/v1/nowhere", form, key, body),
    "405": ("PUT", transcriptions, form, key, body),
    "415": ("POST", transcriptions, "text/plain", key, body),
    "400": ("POST", transcriptions, "multipart/form-data", key, body[:1_500_000]),
}


def pieces(upload):
    for at in range(0, len(upload), 65_536):
        yield upload[at : at + 65_536]


connection = http.client.HTTPConnection(urlsplit(url).netloc)
session = requests.Session()
client = httpx.Client()


def by_http_client(method, path, headers, data=None):
    try:
        connection.request(method, path, body=data, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except Exception:
        connection.close()
        raise


def by_requests(method, path, headers, data=None):
    answer = session.request(method, url + path, data=data, headers=headers)
    return answer.status_code, answer.content


def by_httpx(method, path, headers, data=None):
    answer = client.request(method, url + path, content=data, headers=headers)
    return answer.status_code, answer.content


for name, send in [("http.client", by_http_client), ("requests", by_requests), ("httpx", by_httpx)]:
    for chunked in [False, True]:
        for refusal in chosen.split(","):
            method, path, content_type, presented, upload = REFUSALS[refusal]
            headers = {"Authorization": f"Bearer {presented}"}
            line = {"client": name, "chunked": chunked, "refusal": int(refusal)}
            try:
                data = pieces(upload) if chunked else upload
                line["status"], text = send(method, path, {**headers, "Content-Type": content_type}, data)
                line["message"] = json.loads(text)["error"]["message"]
            except Exception as error:
                line["message"] = repr(error)
            try:
                line["next"], _ = send("GET", "/v1/models", headers)
            except Exception:
                pass
            print(json.dumps(line), flush=True)
