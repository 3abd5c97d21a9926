import Kernels

/// The products of a layer; q, k and v are one, and so are gate and up.
enum LinearKind: Int, CaseIterable { case qkv, output, gateUp, down }

extension LayerWeights {
  subscript(kind: LinearKind) -> Linear {
    switch kind {
    case .qkv: qkv
    case .output: output
    case .gateUp: gateUp
    case .down: down
    }
  }
}

extension ParameterLayout.Layer {
  subscript(kind: LinearKind) -> Int {
    switch kind {
    case .qkv: qkv
    case .output: output
    case .gateUp: gateUp
    case .down: down
    }
  }
}

/// A linear layer's three products, with what an adapter adds: y = W x + s · B (A x), arXiv 2106.09685.
///
/// Each part of an adapter is computed into rows of its own and then added, element by element: a row's bits depend
/// on the row alone, as everywhere.
extension Transformer {
  /// y [rows, outputs] = x · wᵀ, added when `accumulate`.
  func product(
    _ x: ConstFloatPointer, rows: Int, _ l: Int, _ kind: LinearKind, _ y: FloatPointer, accumulate: Bool = false
  ) {
    let linear = weights.layers[l][kind]
    matmul.forward(x, rows: rows, linear, y, accumulate: accumulate)
    guard let adapter else { return }
    for part in adapter.layout.parts(l, kind) {
      let (u, z, _, _) = scratch(adapter, rows: rows), width = part.outputs
      exact.forward(seen(x, rows: rows, part, adapter), rows: rows, adapter.down(part), u)
      exact.forward(u, rows: rows, adapter.up(part), z)
      let scale = adapter.scale, stride = linear.outputs, y = y + part.offset
      pool.split(rows, grain: 8) { range, _ in
        for row in range {
          let target = y + row * stride, source = z + row * width
          for i in 0..<width { target[i] += scale * source[i] }
        }
      }
    }
  }

  /// dx [rows, inputs] = dy [rows, outputs] · w
  func inputGradient(_ dy: ConstFloatPointer, rows: Int, _ l: Int, _ kind: LinearKind, _ dx: FloatPointer) {
    let linear = weights.layers[l][kind]
    matmul.inputGradient(dy, rows: rows, linear, dx)
    guard let adapter else { return }
    for part in adapter.layout.parts(l, kind) {
      let (_, dz, du, dropped) = scratch(adapter, rows: rows)
      gather(dy, stride: linear.outputs, part, adapter.scale, rows: rows, into: dz)
      exact.inputGradient(dz, rows: rows, adapter.up(part), du)
      guard let dropout else {
        exact.inputGradient(du, rows: rows, adapter.down(part), dx, accumulate: true)
        continue
      }
      exact.inputGradient(du, rows: rows, adapter.down(part), dropped)
      dropout.apply(pool, dropped, dx, rows: rowNames, width: part.inputs, stream: part.a, accumulate: true)
    }
  }

  /// The gradients of w, or of A and B, += what dy [rows, outputs] and x [rows, inputs] give.
  func weightGradient(
    _ dy: ConstFloatPointer, rows: Int, _ l: Int, _ kind: LinearKind, _ x: ConstFloatPointer, _ gradients: GradientSink
  ) {
    let linear = weights.layers[l][kind]
    if let target = gradients.at(l, kind) {
      matmul.weightGradient(dy, rows: rows, outputs: linear.outputs, x, inputs: linear.inputs, target)
    }
    guard let adapter else { return }
    for part in adapter.layout.parts(l, kind) {
      let a = gradients.at(adapter: part.a), b = gradients.at(adapter: part.b)
      if a == nil, b == nil { continue }
      let (u, dz, du, _) = scratch(adapter, rows: rows), rank = adapter.layout.rank
      let x = seen(x, rows: rows, part, adapter)
      gather(dy, stride: linear.outputs, part, adapter.scale, rows: rows, into: dz)
      if let b {
        exact.forward(x, rows: rows, adapter.down(part), u)
        exact.weightGradient(dz, rows: rows, outputs: part.outputs, u, inputs: rank, b)
      }
      if let a {
        exact.inputGradient(dz, rows: rows, adapter.up(part), du)
        exact.weightGradient(du, rows: rows, outputs: rank, x, inputs: part.inputs, a)
      }
    }
  }

  /// One part's columns of dy, scaled, side by side.
  private func gather(
    _ dy: ConstFloatPointer, stride: Int, _ part: AdapterLayout.Part, _ scale: Float, rows: Int,
    into dz: FloatPointer
  ) {
    let width = part.outputs, dy = dy + part.offset
    pool.split(rows, grain: 8) { range, _ in
      for row in range {
        let target = dz + row * width, source = dy + row * stride
        for i in 0..<width { target[i] = scale * source[i] }
      }
    }
  }

  /// What an adapter's part sees of its inputs: all of them, but in training with dropout.
  private func seen(
    _ x: ConstFloatPointer, rows: Int, _ part: AdapterLayout.Part, _ adapter: Adapter
  ) -> ConstFloatPointer {
    guard let dropout, workspace.saves else { return x }
    let dropped = scratch(adapter, rows: rows).3
    dropout.apply(pool, x, dropped, rows: rowNames, width: part.inputs, stream: part.a)
    return UnsafePointer(dropped)
  }

  /// (rows, rank), (rows, widest part), (rows, rank), and with dropout (rows, widest input)
  private func scratch(
    _ adapter: Adapter, rows: Int
  ) -> (FloatPointer, FloatPointer, FloatPointer, FloatPointer) {
    var plan = ArenaPlan()
    let u = plan.region(rows * adapter.layout.rank), z = plan.region(rows * adapter.layout.widest)
    let du = plan.region(rows * adapter.layout.rank)
    let dropped = plan.region(dropout == nil ? 0 : rows * adapter.layout.widestInput)
    if adapterScratch.count < plan.count { adapterScratch = Arena(count: plan.count) }
    let base = adapterScratch.base
    return (base + u, base + z, base + du, base + dropped)
  }
}
