// What `rollbook sql` is for: the tables under names and with values for people. Joins are outer ones on primary keys,
// which SQLite leaves out where nobody asks for their columns.

extension Index {
  static let views = """
    CREATE VIEW rollouts AS
      SELECT lower(hex(r.id)) AS id, r.step, r.prompt_group, r.sample, r.kind, p.text AS prompt, t.text AS task,
        r.prompt_length, r.response_length, r.finish, w.text AS policy, r.policy_step,
        r.step - r.policy_step AS staleness, o.path AS shard, r.batch, r.row
      FROM rollout_rows r LEFT JOIN texts p ON p.id = r.prompt LEFT JOIN texts t ON t.id = r.task
        LEFT JOIN texts w ON w.id = r.policy LEFT JOIN outputs o ON o.id = r.shard;

    CREATE VIEW scores AS
      SELECT lower(hex(s.rollout)) AS rollout, s.score_set, s.step, s.reward, s.passed, s.formatted, s.components,
        o.path AS shard, s.batch, s.row
      FROM score_rows s LEFT JOIN outputs o ON o.id = s.shard WHERE s.is_latest;

    CREATE VIEW updates AS
      SELECT lower(hex(u.rollout)) AS rollout, u.step, u.reward, u.tokens, u.advantage, u.ratio_mean, u.ratio_min,
        u.ratio_max, u.clipped_low, u.clipped_high, u.mismatch_max, u.reference_kl, o.path AS shard, u.batch, u.row
      FROM update_rows u LEFT JOIN outputs o ON o.id = u.shard;

    CREATE VIEW steps AS
      SELECT r.step, r.rollouts, r.prompts, r.groups, r.response_tokens, r.response_min, r.response_max,
        r.truncated, s.score_set, s.scored, s.reward_mean, s.reward_min, s.reward_max, s.pass_rate, s.format_rate, s.pass_variance, s.zero_variance, u.updates, u.reference_kl
      FROM step_rollouts r LEFT JOIN step_scores s ON s.step = r.step LEFT JOIN step_updates u ON u.step = r.step;

    CREATE VIEW shards AS
      SELECT path, kind, step, part, score_set, rows, batches, bytes, digest, complete, schema_version
      FROM outputs WHERE kind <> 'checkpoint';

    CREATE VIEW checkpoints AS SELECT path, step, bytes, digest FROM outputs WHERE kind = 'checkpoint';

    CREATE VIEW actions AS
      SELECT o.path AS output, a.key, a.stage, o.step, a.parameters, a.seed, a.policy, a.tokenizer, a.version,
        a.code_commit, a.kernels, a.threads, a.host, a.pid, a.scheduler, a.started, a.finished
      FROM action_rows a JOIN outputs o ON o.id = a.output;

    -- One row for everything that an output was made from; `input_output` is the output of this buffer that holds it.
    CREATE VIEW lineage AS
      SELECT o.path AS output, o.kind, o.step, i.role, i.name AS input, i.digest AS input_digest,
        coalesce(
          (SELECT s.path FROM outputs s WHERE s.path = i.name),
          (SELECT s.path FROM outputs s WHERE s.path = 'shards/' || i.role || '/' || i.name),
          (SELECT min(s.path) FROM outputs s WHERE s.digest = i.digest),
          (SELECT min(s.path) FROM files f JOIN outputs s ON s.id = f.output
            WHERE f.digest = i.digest AND f.name IN (
              'model.safetensors', 'adapter_model.safetensors', 'ema.safetensors', 'optimizer.safetensors'))
        ) AS input_output, i.position
      FROM inputs i JOIN outputs o ON o.id = i.output;
    """
}
