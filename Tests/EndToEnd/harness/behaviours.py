"""What an origin does: scripts for `Origin.serve`, honest ones first, then each way to go wrong."""

import gzip
import itertools


def image(body, content_type="image/png", *headers):
    """The image with its length, over a connection that stays."""
    def script(exchange):
        exchange.head("200 OK", ("Content-Type", content_type), ("Content-Length", len(body)), *headers)
        if exchange.request.method != "HEAD":
            exchange.send(body)
    return script


def chunked(body, content_type="image/png", size=16384):
    def script(exchange):
        exchange.head("200 OK", ("Content-Type", content_type), ("Transfer-Encoding", "chunked"))
        for start in range(0, len(body), size):
            exchange.chunk(body[start:start + size])
        exchange.end_chunks()
    return script


def until_close(body, content_type="image/png"):
    """No length at all: the end of the connection is the end of the image."""
    def script(exchange):
        exchange.head("200 OK", ("Content-Type", content_type), ("Connection", "close"))
        exchange.send(body)
        exchange.close()
    return script


def gated(body, gate, first, content_type="image/png", in_chunks=False):
    """Sends `first` bytes, and the rest once the test opens the gate."""
    def script(exchange):
        framing = ("Transfer-Encoding", "chunked") if in_chunks else ("Content-Length", len(body))
        exchange.head("200 OK", ("Content-Type", content_type), framing)
        write = exchange.chunk if in_chunks else exchange.send
        if first:
            write(body[:first])
        exchange.wait_for(gate)
        write(body[first:])
        if in_chunks:
            exchange.end_chunks()
    return script


def stepwise(body, gates, content_type="image/png", in_chunks=False, cut=False):
    """Sends a part of the body for each of the gates, once the test opens it; or closes the connection in place of the last."""
    def script(exchange):
        framing = ("Transfer-Encoding", "chunked") if in_chunks else ("Content-Length", len(body))
        exchange.head("200 OK", ("Content-Type", content_type), framing)
        size = -(-len(body) // len(gates))
        for number, gate in enumerate(gates):
            exchange.wait_for(gate)
            if cut and gate is gates[-1]:
                return exchange.close()
            (exchange.chunk if in_chunks else exchange.send)(body[number * size:(number + 1) * size])
        if in_chunks:
            exchange.end_chunks()
    return script


def validated(body, *headers, etag=None, last_modified=None, renewal=None, content_type="image/png"):
    """The image with its validators and these headers. A request that has one of them gets a 304 with the headers, or with
    those of `renewal`."""
    validators = [(name, value) for name, value in (("ETag", etag), ("Last-Modified", last_modified)) if value]

    def script(exchange):
        asked = exchange.request.value
        if (etag and asked("If-None-Match") == etag) or (last_modified and asked("If-Modified-Since") == last_modified):
            return exchange.head("304 Not Modified", *validators, *(headers if renewal is None else renewal))
        return image(body, content_type, *validators, *headers)(exchange)
    return script


def in_turn(*scripts):
    """The first request meets the first script and so on; the last one stays."""
    numbers = itertools.count()
    return lambda exchange: scripts[min(next(numbers), len(scripts) - 1)](exchange)


def status(line, body=b"", *headers):
    def script(exchange):
        exchange.head(line, ("Content-Length", len(body)), *headers)
        exchange.send(body)
    return script


def redirect(location, line="302 Found"):
    return status(line, b"", ("Location", location))


def head_lines(*lines, body=b""):
    """A head of exactly these lines, then the body, then the end of the connection."""
    def script(exchange):
        exchange.send("\r\n".join(lines) + "\r\n\r\n")
        exchange.send(body)
        exchange.close()
    return script


def raw(data):
    """These bytes and the end of the connection."""
    def script(exchange):
        exchange.send(data)
        exchange.close()
    return script


def lengths(body, *values, content_type="image/png"):
    """One Content-Length for each value, whatever it says."""
    return head_lines("HTTP/1.1 200 OK", f"Content-Type: {content_type}",
                      *(f"Content-Length: {value}" for value in values), body=body)


def encoded(body, content_type="image/png"):
    """gzip that nobody asked for."""
    return image(gzip.compress(body), content_type, ("Content-Encoding", "gzip"))


def cut(body, at, reset=False, in_chunks=False, content_type="image/png"):
    """Promises the whole image and ends the connection after `at` bytes."""
    def script(exchange):
        framing = ("Transfer-Encoding", "chunked") if in_chunks else ("Content-Length", len(body))
        exchange.head("200 OK", ("Content-Type", content_type), framing)
        (exchange.chunk if in_chunks else exchange.send)(body[:at])
        if reset:
            exchange.reset()
        else:
            exchange.close()
    return script


def stall(body, at, in_chunks=False, content_type="image/png"):
    """Promises the whole image and falls silent after `at` bytes."""
    def script(exchange):
        framing = ("Transfer-Encoding", "chunked") if in_chunks else ("Content-Length", len(body))
        exchange.head("200 OK", ("Content-Type", content_type), framing)
        if at:
            (exchange.chunk if in_chunks else exchange.send)(body[:at])
        exchange.hold()
    return script


def silent(exchange):
    """Takes the request and never answers."""
    exchange.hold()


def drip(body, promised, pause=0.05, content_type="image/png"):
    """The body, then a byte at a time for as long as anybody listens."""
    def script(exchange):
        exchange.head("200 OK", ("Content-Type", content_type), ("Content-Length", promised))
        exchange.send(body)
        while not exchange.stopping.wait(pause):
            exchange.send(b"\0")
    return script


def endless(body, content_type="image/png", in_chunks=True):
    """The body, then zeros without end."""
    def script(exchange):
        framing = [("Transfer-Encoding", "chunked")] if in_chunks else []
        exchange.head("200 OK", ("Content-Type", content_type), *framing)
        write = exchange.chunk if in_chunks else exchange.send
        write(body)
        zeros = bytes(65536)
        while not exchange.stopping.is_set():
            write(zeros)
    return script
