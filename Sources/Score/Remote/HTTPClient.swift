internal import Formats
internal import Foundation
internal import Pipeline
internal import Rewards

#if canImport(FoundationNetworking)
  internal import FoundationNetworking
#endif

/// How a server is asked.
struct HTTPSettings: Sendable {
  var url: URL
  /// Requests at once.
  var concurrency = 4
  /// Seconds for one answer.
  var timeout = 60.0
  /// How often a request is repeated after the first time.
  var retries = 5
  /// Seconds before the first repetition; twice as many before each further one.
  var backoff = 0.5
  /// Sent as a bearer token; stored nowhere.
  var token: String?
  var seed = 0

  /// The keys that every reward over HTTP has.
  static let keys = [
    ("concurrency", "requests at once, default 4"), ("timeout", "seconds for an answer, default 60"),
    ("retries", "repetitions after 429, 5xx and lost connections, default 5"),
    ("backoff", "seconds before the first one, doubled for each further, default 0.5"),
    ("token-env", "the environment variable that holds the bearer token"),
  ]

  init(_ options: RewardOptions, _ context: ScoringContext, path: String = "") throws {
    let text = try options.text("url", "http://HOST:PORT/PATH")
    guard let url = URL(string: text + path), let scheme = url.scheme?.lowercased(),
      ["http", "https"].contains(scheme),
      url.host?.isEmpty == false
    else { throw RewardError("\(options.name): url=\(text): expected http://HOST:PORT/PATH or https://…") }
    guard url.user == nil, url.password == nil else {
      throw RewardError("\(options.name): a url with a password would be stored with the scores: use token-env=NAME")
    }
    self.url = url
    concurrency = try options.count("concurrency", 1...256, default: 4)
    timeout = try options.seconds("timeout", default: 60)
    retries = try options.count("retries", 0...100, default: 5)
    backoff = try options.seconds("backoff", default: 0.5)
    seed = context.seed
    guard let name = options["token-env"] else { return }
    guard let token = ProcessInfo.processInfo.environment[name], !token.isEmpty else {
      throw RewardError("\(options.name): token-env=\(name): there is no such environment variable")
    }
    guard token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      throw RewardError("\(options.name): token-env=\(name): expected a token of printable characters without spaces")
    }
    self.token = token
  }
}

/// Sends JSON to one address, again where that may help. Any number of threads may call it.
final class HTTPClient: Sendable {
  private let settings: HTTPSettings
  private let exchange = HTTPExchange(longest: HTTPClient.longestAnswer)
  private let session: URLSession

  static let longestAnswer = 16 << 20
  private static let longestPause = 300.0

  init(_ settings: HTTPSettings) {
    self.settings = settings
    let configuration = URLSessionConfiguration.ephemeral
    configuration.httpMaximumConnectionsPerHost = settings.concurrency
    configuration.httpShouldSetCookies = false
    configuration.httpCookieAcceptPolicy = .never
    configuration.urlCache = nil
    session = URLSession(configuration: configuration, delegate: exchange, delegateQueue: nil)
  }

  deinit { session.invalidateAndCancel() }

  /// What the answer is called in errors.
  var place: String { settings.url.absoluteString }

  /// The answer to a request.
  ///
  /// - Parameter jitter: What sets the pauses of this request apart from those of others.
  /// - Throws: `io` for a server that does not answer or refuses, `badInput` for an answer that is no JSON object,
  ///   `interrupted`.
  func post(_ body: JSON, jitter: UInt64) throws -> JSON {
    let bytes = try body.bytes()
    var attempt = 0
    while true {
      let answer = try once(bytes)
      if answer.failure == nil, (200..<300).contains(answer.status) { return try object(answer) }
      let text = answer.failure ?? "answered with status \(answer.status)\(excerpt(answer.body))"
      let isPassing = answer.failure != nil || answer.status == 429 || answer.status >= 500
      guard isPassing, !answer.isTooLong else { throw failure(text, answer.status, attempt) }
      guard attempt < settings.retries else { throw failure(text, answer.status, attempt) }
      try pause(seconds(attempt, jitter, answer.retryAfter))
      attempt += 1
    }
  }

  private func once(_ body: [UInt8]) throws -> HTTPExchange.Answer {
    var request = URLRequest(url: settings.url)
    request.httpMethod = "POST"
    request.timeoutInterval = settings.timeout + 60
    request.httpBody = Data(body)
    request.setValue("application/json", forHTTPHeaderField: "Content-Type")
    request.setValue("application/json", forHTTPHeaderField: "Accept")
    if let token = settings.token { request.setValue("Bearer \(token)", forHTTPHeaderField: "Authorization") }
    let task = session.dataTask(with: request)
    defer { exchange.forget(task.taskIdentifier) }
    task.resume()
    var waited = 0.0
    var wait: UInt32 = 200
    while true {
      var answer = exchange.answer(task.taskIdentifier)
      if answer.isTooLong {
        task.cancel()
        answer.failure = "the answer is longer than \(Self.longestAnswer) bytes"
        return answer
      }
      if answer.isDone { return answer }
      if Interrupt.requested {
        task.cancel()
        throw Interrupt.error("what was stored of the scores is kept")
      }
      if waited > settings.timeout {
        task.cancel()
        answer.failure = "no answer in \(settings.timeout) s"
        return answer
      }
      let start = Timestamp.steady
      usleep(wait)
      // A job that was stopped for a while has not waited.
      waited += min(Timestamp.steady - start, 0.25)
      wait = min(wait * 2, 10_000)
    }
  }

  private func object(_ answer: HTTPExchange.Answer) throws -> JSON {
    let json: JSON
    do { json = try JSON.parse(answer.body) } catch let error as RollbookError {
      throw RollbookError.badInput(
        place, "expected a JSON object as answer, found none: \(error.message)\(excerpt(answer.body))")
    }
    guard json.object != nil else {
      throw RollbookError.badInput(place, "expected a JSON object as answer, found \(json.kind)\(excerpt(answer.body))")
    }
    return json
  }

  /// The beginning of what a server said, on one line.
  private func excerpt(_ body: [UInt8]) -> String {
    let text = Terminal.sanitizeLine(String(decoding: body.prefix(2048), as: UTF8.self), limit: 200)
    return text.isEmpty ? "" : ": '\(text)'"
  }

  private func failure(_ text: String, _ status: Int, _ attempt: Int) -> RollbookError {
    let hint: String? =
      switch status {
      case 401, 403: "token-env=NAME sends the bearer token in that environment variable"
      case 300..<400: "give the address that it redirects to"
      case 0: "is the server running? what was stored of the scores is kept: run the same command again"
      default: nil
      }
    return RollbookError(
      .io, place: place, attempt == 0 ? text : "\(text), the last of \(attempt + 1) times that it was asked", hint: hint
    )
  }

  /// The pause before a repetition: what the server asks for, else twice the last one, a random share of it.
  private func seconds(_ attempt: Int, _ jitter: UInt64, _ retryAfter: String?) -> Double {
    if let retryAfter {
      if let seconds = Double(retryAfter), seconds >= 0 { return min(seconds, Self.longestPause) }
      if let date = Self.date(retryAfter) { return min(max(date.timeIntervalSinceNow, 0), Self.longestPause) }
    }
    var draw = Draw(settings.seed, "\(jitter) \(attempt)")
    let share = 0.5 + 0.5 * Double(draw.next() >> 11) / Double(1 << 53)
    return min(settings.backoff * pow(2, Double(min(attempt, 20))), Self.longestPause) * share
  }

  private static func date(_ text: String) -> Date? {
    let format = DateFormatter()
    format.locale = Locale(identifier: "en_US_POSIX")
    format.timeZone = TimeZone(identifier: "GMT")
    format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss zzz"
    return format.date(from: text)
  }

  private func pause(_ seconds: Double) throws {
    let end = Timestamp.steady + seconds
    while Timestamp.steady < end {
      if Interrupt.requested { throw Interrupt.error("what was stored of the scores is kept") }
      usleep(20_000)
    }
  }
}
