internal import Foundation

#if canImport(FoundationNetworking)
  internal import FoundationNetworking
#endif

/// One request and its answer, filled in by `URLSession` on a thread of its own.
final class HTTPExchange: NSObject, URLSessionDataDelegate, Sendable {
  struct Answer: Sendable {
    var status = 0
    var retryAfter: String?
    var body: [UInt8] = []
    var isTooLong = false
    /// Why there is no answer, in words; nil where there is one.
    var failure: String?
    var isDone = false
  }

  private let answers = Shared([:] as [Int: Answer])
  private let longest: Int

  init(longest: Int) { self.longest = longest }

  func answer(_ task: Int) -> Answer { answers.change { $0[task] ?? Answer() } }
  func forget(_ task: Int) { answers.change { $0[task] = nil } }

  func urlSession(
    _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
    completionHandler: @escaping (URLSession.ResponseDisposition) -> Void
  ) {
    answers.change { answers in
      let http = response as? HTTPURLResponse
      answers[dataTask.taskIdentifier, default: Answer()].status = http?.statusCode ?? 0
      answers[dataTask.taskIdentifier]?.retryAfter = http?.value(forHTTPHeaderField: "Retry-After")
    }
    completionHandler(.allow)
  }

  func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
    let isTooLong = answers.change { answers in
      var answer = answers[dataTask.taskIdentifier] ?? Answer()
      answers[dataTask.taskIdentifier] = nil
      answer.isTooLong = answer.isTooLong || answer.body.count + data.count > longest
      if !answer.isTooLong { answer.body += data }
      answers[dataTask.taskIdentifier] = answer
      return answer.isTooLong
    }
    if isTooLong { dataTask.cancel() }
  }

  func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
    answers.change { answers in
      answers[task.taskIdentifier, default: Answer()].failure = error.map(Self.words)
      answers[task.taskIdentifier]?.isDone = true
    }
  }

  /// A redirection is an answer like any other: what is sent may be meant for this server only.
  func urlSession(
    _ session: URLSession, task: URLSessionTask, willPerformHTTPRedirection response: HTTPURLResponse,
    newRequest request: URLRequest, completionHandler: @escaping (URLRequest?) -> Void
  ) {
    completionHandler(nil)
  }

  private static func words(_ error: any Error) -> String {
    guard let error = error as? URLError else { return "\(error)" }
    return switch error.code {
    case .cannotConnectToHost: "cannot connect"
    case .cannotFindHost, .dnsLookupFailed: "cannot find the host"
    case .networkConnectionLost: "the connection was lost"
    case .timedOut: "no answer in time"
    case .badServerResponse: "the answer is no HTTP"
    default: "no answer (\(error.code.rawValue))"
    }
  }
}
