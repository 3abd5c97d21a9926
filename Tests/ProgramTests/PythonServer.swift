import Foundation
import Testing

/// A server of Python's own library on a free port of this machine, ended with this object.
final class PythonServer {
  let url: String
  private let running: Running
  private let log: String

  /// - Parameter answer: The body of `def answer(path, headers, body, count)`, which returns a status, an object and a
  ///   dictionary of headers. `count` is the number of requests before. `headers` has lower-case names.
  init(_ scratch: Scratch, _ answer: String) throws {
    let name = "server-\(UUID().uuidString)"
    log = "\(scratch.folder)/\(name).log"
    let port = "\(scratch.folder)/\(name).port"
    let lines = answer.split(separator: "\n", omittingEmptySubsequences: false).map { "    \($0)" }
    let script = try scratch.file("\(name).py", Self.frame.replacing("ANSWER", with: lines.joined(separator: "\n")))
    running = try scratch.start("/usr/bin/env", ["python3", script, port, log])
    running.poll { (try? String(contentsOfFile: port, encoding: .utf8))?.hasSuffix("\n") == true }
    let text = try String(contentsOfFile: port, encoding: .utf8)
    url = "http://127.0.0.1:\(text.trimmingCharacters(in: .whitespacesAndNewlines))"
  }

  deinit { running.send(SIGKILL) }

  /// The bodies of all requests so far.
  var requests: [String] {
    ((try? String(contentsOfFile: log, encoding: .utf8)) ?? "").split(separator: "\n").map(String.init)
  }

  private static let frame = """
    import http.server, json, os, sys, threading

    lock, seen = threading.Lock(), [0]

    def answer(path, headers, body, count):
    ANSWER

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        def do_POST(self):
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            with lock:
                count = seen[0]
                seen[0] += 1
                with open(sys.argv[2], "a") as log: log.write(text + "\\n")
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, reply, more = answer(self.path, headers, json.loads(text), count)
            data = reply.encode() if isinstance(reply, str) else json.dumps(reply).encode()
            self.send_response(status)
            for name, value in more.items(): self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            try: self.wfile.write(data)
            except OSError: pass
        def log_message(self, *ignored): pass

    class Server(http.server.ThreadingHTTPServer):
        request_queue_size = 128
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Handler)
    with open(sys.argv[1] + ".new", "w") as file: file.write(f"{server.server_address[1]}\\n")
    os.rename(sys.argv[1] + ".new", sys.argv[1])
    server.serve_forever()
    """
}
