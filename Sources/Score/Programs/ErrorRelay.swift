internal import Foundation
internal import Pipeline

/// Passes on what programs say on standard error: line by line, made safe to print, with the program's name in front,
/// and not without end.
final class ErrorRelay {
  private let name: String
  private let quiet: Bool
  private var buffer = LineBuffer(limit: 1 << 14)
  /// Lines that all processes of one reward may still print.
  private let left: Shared<Int>
  /// Its last line that is not blank, for errors.
  private(set) var lastWords = ""

  static let mostLines = 200
  private static let widest = 400

  init(name: String, quiet: Bool, left: Shared<Int>) {
    self.name = name
    self.quiet = quiet
    self.left = left
  }

  func append(_ bytes: UnsafeRawBufferPointer) {
    buffer.append(bytes)
    while let line = buffer.next() { pass(line) }
    if buffer.isTooLong { pass(buffer.rest()) }
  }

  /// Passes on what has no line break.
  func flush() {
    let rest = buffer.rest()
    if !rest.isEmpty { pass(rest) }
  }

  private func pass(_ line: [UInt8]) {
    let text = Terminal.sanitizeLine(String(decoding: line, as: UTF8.self), limit: Self.widest)
    if text.contains(where: { $0 != " " }) { lastWords = text }
    guard !quiet else { return }
    let place = left.change {
      $0 -= 1
      return $0
    }
    if place >= 0 { Output.note("\(name): \(text)") }
    if place == -1 { Output.note("\(name): (it says more; the first \(Self.mostLines) lines were shown)") }
  }
}
