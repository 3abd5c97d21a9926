package import ArgumentParser
package import Formats
import Pipeline

/// `rollbook lineage`: what a result came from.
package struct LineageCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "lineage",
    abstract: "Show what a checkpoint, shard or rollout was made from, back to the prompts and the first model.",
    discussion: """
      A tree, each line a result with the stage that made it, below it what that stage read. What the buffer does not \
      hold (prompts, the first model, a checkpoint that is gone) is named with its digest.

        rollbook lineage runs/add latest
        rollbook lineage runs/add step:3 --depth 2
        rollbook lineage runs/add main-step-000003-part-00000
        rollbook lineage runs/add 1/addition-train-00007/3
        rollbook lineage runs/add latest --dot | dot -Tsvg > lineage.svg
      """)

  @OptionGroup package var options: BufferOptions

  @Argument(
    help: ArgumentHelp(
      "A path or name as in 'rollbook ls --files', latest, step:N (a checkpoint), or a rollout.", valueName: "output"))
  package var name: String

  @Flag(help: "Write the graph in the language of Graphviz.")
  package var dot = false

  @Option(help: ArgumentHelp("Go back at most so many results (default: to the start).", valueName: "n"))
  package var depth: Int?

  package init() {}

  package func validate() throws {
    if let depth, depth < 1 { throw ValidationError("--depth \(depth): expected 1 or more") }
  }

  package func run() throws {
    let index = try options.index()
    let graph = try LineageGraph(index, from: index.output(named: name), depth: depth ?? .max)
    if options.json { return try options.print(graph.json()) }
    try Output.print(dot ? graph.dot() : graph.tree(), terminator: "")
  }
}

/// A result and everything it came from.
package struct LineageGraph {
  private let root: String
  private let outputs: [String: OutputRecord]
  /// Inputs by output, for those within reach, nearest first.
  private var edges: [(output: String, inputs: [LineageInput])] = []

  package init(_ index: Index, from root: OutputRecord, depth: Int) throws {
    self.root = root.path
    outputs = try index.outputs()
    let lineage = try index.lineage()
    var seen: Set<String> = [root.path]
    var level = [root.path]
    var distance = 0
    while !level.isEmpty, distance < depth {
      var next: [String] = []
      for path in level {
        let inputs = lineage[path] ?? []
        edges.append((path, inputs))
        for output in inputs.compactMap(\.output) where seen.insert(output).inserted { next.append(output) }
      }
      level = next
      distance += 1
    }
  }

  private func label(_ path: String) -> String {
    guard let record = outputs[path] else { return path }
    return "\(path)   \(record.stage) \(record.finished.prefix(16).replacing("T", with: " "))"
  }

  /// One line a result; one that was shown before is named without what lies below it.
  package func tree() -> String {
    var text = Terminal.sanitizeLine(label(root)) + "\n"
    let inputs = Dictionary(edges.map { ($0.output, $0.inputs) }) { first, _ in first }
    var shown: Set<String> = [root]
    // A stack, not recursion: a year of steps is a deep tree.
    var stack: [(input: LineageInput, prefix: String, isLast: Bool)] = []
    func push(_ list: [LineageInput], _ prefix: String) {
      for (place, input) in list.enumerated().reversed() { stack.append((input, prefix, place == list.count - 1)) }
    }
    push(inputs[root] ?? [], "")
    while let (input, prefix, isLast) = stack.popLast() {
      var line = "\(input.role): "
      var children: [LineageInput] = []
      if let output = input.output {
        let isNew = shown.insert(output).inserted
        children = isNew ? inputs[output] ?? [] : []
        line += isNew ? label(output) : "\(output) (above)"
      } else {
        line += "\(input.name)   \(input.digest)"
      }
      text += prefix + (isLast ? "└─ " : "├─ ") + Terminal.sanitizeLine(line) + "\n"
      push(children, prefix + (isLast ? "   " : "│  "))
    }
    return text
  }

  /// Arrows point from what was read to what was made.
  package func dot() -> String {
    func quoted(_ text: String) -> String {
      "\"" + Terminal.sanitizeLine(text).replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }
    var lines = ["digraph lineage {", "  rankdir=LR;", "  node [shape=box];"]
    var nodes: Set<String> = []
    for (output, inputs) in edges {
      if nodes.insert(output).inserted { lines.append("  \(quoted(output));") }
      for input in inputs {
        let name = input.output ?? "\(input.name)\n\(input.digest)"
        if input.output == nil, nodes.insert(name).inserted {
          lines.append("  \(quoted(input.digest)) [style=dashed, label=\(quoted(input.name))];")
        }
        lines.append("  \(quoted(input.output ?? input.digest)) -> \(quoted(output)) [label=\(quoted(input.role))];")
      }
    }
    return (lines + ["}"]).joined(separator: "\n") + "\n"
  }

  package func json() -> JSON {
    [
      "root": .string(root),
      "outputs": .array(
        edges.map { output, inputs in
          let record = outputs[output]
          return [
            "path": .string(output), "kind": record.map { .string($0.kind.rawValue) } ?? .null,
            "step": record.map { .int($0.step) } ?? .null, "stage": record.map { .string($0.stage) } ?? .null,
            "digest": record.map { .string($0.digest) } ?? .null,
            "inputs": .array(
              inputs.map { input in
                [
                  "role": .string(input.role), "name": .string(input.name), "digest": .string(input.digest),
                  "output": input.output.map { .string($0) } ?? .null,
                ]
              }),
          ]
        }),
    ]
  }
}
