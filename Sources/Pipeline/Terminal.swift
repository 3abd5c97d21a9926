#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What is known of the terminal, and the cleaning of text that somebody else (a model) wrote.
package enum Terminal {
  /// Whether standard error is a terminal that can redraw a line.
  package static var standardErrorIsTerminal: Bool {
    isatty(STDERR_FILENO) == 1 && environment("TERM") != "dumb"
  }

  /// Whether colours are wanted on a descriptor: a terminal, and `NO_COLOR` (no-color.org) unset or empty.
  package static func colours(_ descriptor: Int32) -> Bool {
    isatty(descriptor) == 1 && environment("TERM") != "dumb" && (environment("NO_COLOR") ?? "").isEmpty
  }

  /// Whether the locale says that the terminal shows UTF-8 (POSIX: LC_ALL over LC_CTYPE over LANG).
  package static var showsUTF8: Bool {
    for name in ["LC_ALL", "LC_CTYPE", "LANG"] {
      guard let value = environment(name), !value.isEmpty else { continue }
      let folded = value.lowercased()
      return folded.contains("utf-8") || folded.contains("utf8")
    }
    return false
  }

  /// Columns of the terminal behind a descriptor: asked of the terminal, else `COLUMNS`, else 80.
  package static func columns(_ descriptor: Int32) -> Int {
    var size = winsize()
    if ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 { return Int(size.ws_col) }
    if let text = environment("COLUMNS"), let value = Int(text), value > 0 { return value }
    return 80
  }

  /// The value of an environment variable.
  package static func environment(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }
  }
}
