"""A mail server on loopback."""

import email
import socketserver
import time


class MailServer(socketserver.ThreadingTCPServer):
    """A few lines of SMTP on loopback; it refuses while `refusal` is set."""

    daemon_threads = True
    refusal = b""
    delay = 0.0

    def __init__(self):
        self.letters = []
        super().__init__(("127.0.0.1", 0), Conversation)


class Conversation(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self):
        self.say(b"220 loopback")
        for line in self.rfile:
            verb = line[:4].upper().strip()
            if verb == b"QUIT":
                return self.say(b"221 bye")
            if verb == b"DATA":
                self.say(self.server.refusal or b"354 go on")
                if not self.server.refusal:
                    self.take()
            else:
                self.say(b"250 ok")
        return None

    def take(self):
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line)
        time.sleep(self.server.delay)
        self.server.letters.append(email.message_from_bytes(b"".join(lines)))
        self.say(b"250 accepted")

    def say(self, line):
        self.wfile.write(line + b"\r\n")
