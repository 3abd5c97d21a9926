import Foundation
import TestSupport
import Testing

@Suite struct ImportTests {
  /// What each target may import. The C library has another name on each system.
  static let libraryC: Set<String> = ["Glibc", "Musl", "Darwin"]
  static let ours: Set<String> = [
    "Formats", "Kernels", "Tokenizer", "Model", "Rewards", "Objectives", "Pipeline",
  ]
  static let program = ours.union(libraryC).union(["ArgumentParser", "Foundation", "Synchronization"])
  static let allowed: [String: Set<String>] = [
    "Formats": libraryC.union(["CLZ4", "CXXHash", "GRDB", "GRDBSQLite", "Foundation"]),
    "Kernels": ["COneDNN", "COpenBLAS", "CKernels", "Glibc", "Synchronization"],
    "Tokenizer": ["Formats", "Foundation", "Synchronization"],
    "Model": ["Kernels", "Formats"],
    "Rewards": [],
    "Objectives": [],
    "Pipeline": libraryC.union(["Formats", "ArgumentParser", "Foundation", "Synchronization"]),
    "Generate": program, "Score": program.union(["FoundationNetworking", "Yams"]), "Train": program, "Inspect": program, "Fuzz": program,
    "Bench": program.union(["CLZ4", "CAllocations"]),
  ]

  @Test func everyTargetIsInTheTable() {
    let folders = Set(SourceFile.swift.map(\.target))
    #expect(!folders.isEmpty && folders.isSubset(of: Self.allowed.keys), "\(folders.subtracting(Self.allowed.keys))")
  }

  @Test(arguments: SourceFile.swift)
  func onlyWhatTheTableAllows(file: SourceFile) {
    let imports = Self.imports(of: file)
    let refused = imports.subtracting(Self.allowed[file.target] ?? [])
    #expect(refused.isEmpty, "\(file.path) imports \(refused.sorted().joined(separator: ", "))")
  }

  /// The modules named by import declarations, whatever access or kind they are declared with.
  static func imports(of file: SourceFile) -> Set<String> {
    var found: Set<String> = []
    for line in String(decoding: SwiftScanner(file.text).code, as: UTF8.self).split(separator: "\n") {
      let words = line.split(whereSeparator: { " \t".contains($0) })
      guard let place = words.firstIndex(of: "import"),
        words[..<place].allSatisfy({ $0.first?.isLetter == true || $0.hasPrefix("@") })
      else { continue }
      let kinds: Set<Substring> = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]
      let module = words[(place + 1)...].drop { kinds.contains($0) }.first ?? ""
      found.insert(String(module.prefix { $0 != "." && $0 != ";" }))
    }
    return found
  }

  @Test func importLinesAreRead() {
    let text = """
      package import A
      #if B
        internal import B.C
      #endif
      import struct D.E // import F
      let s = "import G"
      """
    let file = SourceFile(path: "Sources/X/a.swift", text: text)
    #expect(Self.imports(of: file) == ["A", "B", "D"])
  }

  /// The C kernels need nothing but the language's own headers.
  @Test func headersOfTheKernels() {
    let files = SourceFile.code.filter { $0.path.hasPrefix("Sources/CKernels/") }
    #expect(!files.isEmpty)
    for file in files {
      for line in file.text.split(separator: "\n") where line.hasPrefix("#include <") {
        let known = ["math.h", "stddef.h", "stdint.h", "string.h"].contains { line.hasSuffix("<\($0)>") }
        #expect(known, "\(file.path): \(line)")
      }
    }
  }

  @Test func testsUseNoTestableImports() {
    let word = "@" + "testable"
    for file in SourceFile.code where file.path.hasPrefix("Tests/") {
      #expect(!String(decoding: SwiftScanner(file.text).code, as: UTF8.self).contains(word), "\(file.path)")
    }
  }
}

@Suite struct SizeTests {
  @Test(arguments: SourceFile.code)
  func filesAreShort(file: SourceFile) {
    #expect(file.lineCount < 300, "\(file.path) has \(file.lineCount) lines: split it by capability")
  }

  @Test(arguments: SourceFile.code.filter(\.isSwift))
  func functionsAreShort(file: SourceFile) {
    for function in SwiftScanner(file.text).functions {
      #expect(function.lines < 60, "\(file.path):\(function.line): \(function.name) has \(function.lines) lines")
    }
  }
}

@Suite struct WordTests {
  /// Bad input must never trap, and what is left to do belongs elsewhere.
  @Test(arguments: SourceFile.swift)
  func nothingTrapsOnPurpose(file: SourceFile) {
    let code = String(decoding: SwiftScanner(file.text).code, as: UTF8.self)
    for word in ["fatalError(", "try!"] { #expect(!code.contains(word), "\(file.path) uses \(word)") }
  }

  @Test func nothingIsLeftToDo() {
    for file in SourceFile.code where file.path.hasPrefix("Sources/") {
      let words = file.text.split { !($0.isLetter || $0.isNumber) }
      for word in ["TODO", "FIXME"] { #expect(!words.contains { $0 == word }, "\(file.path) says \(word)") }
    }
  }

  /// Nobody else has the folders of the machine this was written on.
  @Test func noPlacesOfTheWorkshop() {
    let endings = [".swift", ".c", ".h", ".md", ".sh", ".py", ".modulemap", ".json", ".yml", ".sbatch"]
    let folders = ["Sources", "Tests", "docs", "examples", "scripts", "bench", ".ci"]
    let files =
      folders.flatMap { SourceFile.all(under: $0, endings: endings) } + SourceFile.documents
      + ["Package.swift", ".gitignore"].compactMap { SourceFile.top($0) }
    for word in ["/wo" + "rk/", "../sh" + "ared", "fa" + "rm-"] {
      for file in files { #expect(!file.text.contains(word), "\(file.path) mentions \(word)") }
    }
  }
}

@Suite struct LinkTests {
  @Test(.enabled(if: !SourceFile.documents.isEmpty, "there are no documents yet"), arguments: SourceFile.documents)
  func relativeLinksLeadSomewhere(file: SourceFile) {
    let folder = URL(fileURLWithPath: "\(projectFolder)/\(file.path)").deletingLastPathComponent()
    for link in Self.links(in: file.text) {
      let target = link.split(separator: "#", omittingEmptySubsequences: false).first.map(String.init) ?? ""
      if target.isEmpty || target.contains("://") || target.hasPrefix("mailto:") { continue }
      let path = folder.appendingPathComponent(target.removingPercentEncoding ?? target).path
      #expect(FileManager.default.fileExists(atPath: path), "\(file.path) links to \(link), which is not there")
    }
  }

  /// Targets of [text](target) outside of code.
  static func links(in text: String) -> [String] {
    var inCode = false, found: [String] = []
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.drop(while: { $0 == " " }).hasPrefix("```") { inCode.toggle() }
      if inCode { continue }
      let prose = line.split(separator: "`", omittingEmptySubsequences: false).enumerated()
        .map { $0.offset % 2 == 0 ? String($0.element) : "x" }.joined()
      for part in prose.components(separatedBy: "](").dropFirst() {
        if let target = part.split(separator: ")", omittingEmptySubsequences: false).first {
          found.append(String(target.split(separator: " ").first ?? ""))
        }
      }
    }
    return found
  }

  @Test func linksAreRead() {
    let text = "See [a](b.md#c) and [`d`](e/f.md \"title\").\n```\n[x](y)\n```\n`[no](p)` ![i](j.png)"
    #expect(Self.links(in: text) == ["b.md#c", "e/f.md", "j.png"])
  }
}
