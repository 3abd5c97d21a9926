package import ArgumentParser
import Pipeline

/// The tool for people: looks at a buffer, and runs the stages by name.
@main
package struct Rollbook: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "rollbook",
    abstract: "Generate, score and train on rollouts that stay on disk, and look at them.",
    discussion: """
      A run lives in one folder, its buffer. The stages write to it:

        rollbook generate --buffer runs/add --step 0 --model smollm2.gguf --prompts train.jsonl --group-size 8
        rollbook score    --buffer runs/add --step 0 --scores main --reward math=1 --reward format=0.2
        rollbook train    --buffer runs/add --step 0 --scores main --recipe grpo --lr 1e-5

      and these look at what is there:

        rollbook ls runs/add
        rollbook stats runs/add
        rollbook plot runs/add
        rollbook scores diff main strict --buffer runs/add
        rollbook show runs/add 1/addition-train-00007/3 --tokens
        rollbook ls runs/add --where 'reward < 0 and step > 10'
        rollbook sql runs/add "SELECT step, avg(reward) FROM scores GROUP BY step"
        rollbook verify runs/add --deep
        rollbook rerun runs/add latest

      'rollbook VERB' runs 'rollbook-VERB' from the folder that this program is in; each has its own --help.

      Exit codes: 0 done or already done, 1 a rerun with another result, 64 wrong usage, 65 bad or corrupt input, 69 something upstream is missing, \
      70 a fault of ours, 74 input or output failed, 75 interrupted: run the same command again to resume.
      """,
    version: Version.text,
    subcommands: [
      ListCommand.self, ShowCommand.self, StatisticsCommand.self, ScoresCommand.self, PlotCommand.self, SqlCommand.self,
      VerifyCommand.self, SalvageCommand.self, ReindexCommand.self, ImportCommand.self, ExportCommand.self,
      LineageCommand.self, RerunCommand.self, DiskUsageCommand.self, CollectCommand.self, ConvertCommand.self,
      MergeCommand.self,
    ])

  package init() {}

  package static func main() {
    let arguments = Array(CommandLine.arguments.dropFirst())
    Stages.runIfNamed(arguments)
    // It has a stage at work and a folder to tidy away.
    Stage.main(Self.self, resumable: arguments.first == RerunCommand._commandName)
  }
}
