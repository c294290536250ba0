#!/usr/bin/python3
"""What gzip costs and saves, on the server's own machine, where bytes cost least: the same requests without and with
`Accept-Encoding: gzip`, a table in Markdown.

    tests/bench/bench_gzip.py [--bin build/release/bin] [--seconds 3] [--connections 4] [--repeat 3] [--json FILE]

Needs wrk (tools/install-packages bench), which does not unpack what it gets: that is the client's own cost. The last column
compares with the row above, measured right before it; each pair is measured several times, so that the spread shows.
"""

import load
import requests

USERS = 40


def prepare(server):
    user, token = load.register(server)
    for number in range(USERS):
        fields = {"username": f"user{number}", "password": "secret", "message_endpoint": "http://127.0.0.1:9/"}
        requests.post(server.url + "/api/users/", json=fields, timeout=60).raise_for_status()
    page = "/api/users/?limit="
    return [
        ("description, the same again", "/api/schema/?format=json", {}, False),
        ("8 users, the same again", page + "8", token, False),
        ("8 users, new each time", page + "8", token, True),
        ("40 users, the same again", page + "40", token, False),
        ("40 users, new each time", page + "40", token, True),
    ]


def size_of(url, headers, distinct):
    """Of the second answer: what is asked for again may be remembered."""
    for number in range(2):
        named = {"Host": f"probe-{id(headers)}-{number}"} if distinct else {}
        answer = requests.get(url, headers={**headers, **named}, timeout=60, stream=True)
        size = len(answer.raw.read())
    return size


def main():
    arguments = load.arguments(__doc__, connections="4", repeat="3")
    results = []
    with load.server(arguments.bin, '[log]\nlevel = "warn"\n') as server:
        cases = prepare(server)
        print(f"{load.machine()}\n")
        print(load.markdown("request", "bytes", "gzip", "requests/s", "p50 ms", "p99 ms", "server CPU us/request", "ratio"))
        print(load.markdown("---", "---:", "---", *["---:"] * 5))
        for name, path, headers, distinct in cases:
            for _ in range(int(arguments.repeat)):
                for coding in ("identity", "gzip"):
                    sent = {**headers, "Accept-Encoding": coding}
                    size = size_of(server.url + path, sent, distinct)
                    case = load.Case(name, "GET", path, sent, distinct_host=distinct)
                    row = load.measure(server, case, int(arguments.connections), arguments.seconds)
                    if coding == "identity":
                        plain = row["requests_per_s"]
                    row.update(coding=coding, bytes=size, ratio=row["requests_per_s"] / plain)
                    results.append(row)
                    numbers = [f"{row['requests_per_s']:,.0f}", f"{row['p50_ms']:.2f}", f"{row['p99_ms']:.2f}"]
                    numbers += [f"{row['processor_us_per_request']:,.0f}", f"{row['ratio']:.2f}"]
                    print(load.markdown(name, f"{size:,}", coding, *numbers), flush=True)
    load.write_results(arguments.json, results)


if __name__ == "__main__":
    main()
