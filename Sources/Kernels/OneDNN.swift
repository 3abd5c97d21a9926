#if HAVE_ONEDNN
  internal import COneDNN
  internal import Glibc

  /// One thread's oneDNN: its stream, its scratch memory and the products it has built so far.
  ///
  /// A product is built once per shape (JIT-compiled kernels are shared by the library) and then only rebound to new
  /// addresses. oneDNN's own scratch memory belongs to the creating thread, hence `scratchpad_mode_user`.
  final class OneDNN {
    /// What decides a product: C[m, n] (+)= A[m, k] · B[k, n].
    struct Shape: Hashable {
      var m, n, k: Int
      /// A is stored [k, m] with rows `strideA` apart.
      var transposedA = false
      var strideA = 0
      /// How B is stored.
      var b = Weights.columns
      var accumulate = false
      /// A and B in bfloat16; C and the sums in f32 all the same.
      var half = false
    }
    enum Weights: Hashable {
      /// [n, k] row-major: a linear layer's weight as it stands
      case columns
      /// [k, n] row-major
      case rows
      /// blocks of 16 × 64, in bfloat16 of 32 × 64: see `packedTag`
      case packed
    }

    private final class Product {
      var primitive: dnnl_primitive_t?
      var a: dnnl_memory_t?, b: dnnl_memory_t?, c: dnnl_memory_t?, scratch: dnnl_memory_t?
      var scratchBytes = 0
    }

    private var engine: dnnl_engine_t?
    private var stream: dnnl_stream_t?
    private var products: [Shape: Product] = [:]
    private var scratch: UnsafeMutableRawPointer?
    private var scratchBytes = 0

    /// Weights of a linear layer reordered once for repeated use: [n/64][k/16][16][64], zero-padded; in bfloat16
    /// [n/64][k/32][16][64][2].
    private static func packedTag(half: Bool) -> dnnl_format_tag_t { half ? dnnl_BA16a64b2a : dnnl_BA16a64b }
    private static func type(half: Bool) -> dnnl_data_type_t { half ? dnnl_bf16 : dnnl_f32 }
    /// Bytes of 64 packed columns.
    static func packedBlock(k: Int, half: Bool) -> Int { half ? (k + 31) / 32 * 32 * 64 * 2 : (k + 15) / 16 * 16 * 64 * 4 }
    static func packedBytes(k: Int, n: Int, half: Bool) -> Int { (n + 63) / 64 * packedBlock(k: k, half: half) }

    init() {
      check(dnnl_engine_create(&engine, dnnl_cpu, 0), "engine")
      check(dnnl_stream_create(&stream, engine, 1), "stream")
    }

    deinit {
      forget()
      dnnl_stream_destroy(stream)
      dnnl_engine_destroy(engine)
      free(scratch)
    }

    func multiply(_ shape: Shape, _ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ c: FloatPointer) {
      let product = product(shape)
      if product.scratchBytes > scratchBytes {
        free(scratch)
        scratchBytes = product.scratchBytes
        scratch = aligned_alloc(64, (scratchBytes + 63) / 64 * 64)
      }
      dnnl_memory_set_data_handle(product.a, UnsafeMutableRawPointer(mutating: a))
      dnnl_memory_set_data_handle(product.b, UnsafeMutableRawPointer(mutating: b))
      dnnl_memory_set_data_handle(product.c, c)
      dnnl_memory_set_data_handle(product.scratch, scratch)
      withUnsafeTemporaryAllocation(of: dnnl_exec_arg_t.self, capacity: 4) { arguments in
        arguments[0] = dnnl_exec_arg_t(arg: DNNL_ARG_SRC, memory: product.a)
        arguments[1] = dnnl_exec_arg_t(arg: DNNL_ARG_WEIGHTS, memory: product.b)
        arguments[2] = dnnl_exec_arg_t(arg: DNNL_ARG_DST, memory: product.c)
        arguments[3] = dnnl_exec_arg_t(arg: DNNL_ARG_SCRATCHPAD, memory: product.scratch)
        check(dnnl_primitive_execute(product.primitive, stream, 4, arguments.baseAddress), "product")
      }
      dnnl_stream_wait(stream)
    }

    /// Reorders w[n, k] into the packed layout, rounding it to bfloat16 if `half`.
    func pack(_ w: ConstFloatPointer, k: Int, n: Int, half: Bool, into packed: UnsafeMutableRawPointer) {
      var from = matrix(k, n, [1, Int64(k)], half: false)
      var to = packedMatrix(k, n, half: half)
      var description: dnnl_primitive_desc_t?
      check(dnnl_reorder_primitive_desc_create(&description, &from, engine, &to, engine, nil), "reorder")
      var reorder: dnnl_primitive_t?
      check(dnnl_primitive_create(&reorder, description), "reorder")
      var source: dnnl_memory_t?, target: dnnl_memory_t?
      check(dnnl_memory_create(&source, &from, engine, UnsafeMutableRawPointer(mutating: w)), "memory")
      check(dnnl_memory_create(&target, &to, engine, packed), "memory")
      let arguments = [
        dnnl_exec_arg_t(arg: DNNL_ARG_FROM, memory: source), dnnl_exec_arg_t(arg: DNNL_ARG_TO, memory: target),
      ]
      check(dnnl_primitive_execute(reorder, stream, 2, arguments), "reorder")
      dnnl_stream_wait(stream)
      dnnl_memory_destroy(source)
      dnnl_memory_destroy(target)
      dnnl_primitive_destroy(reorder)
      dnnl_primitive_desc_destroy(description)
    }

    private func product(_ shape: Shape) -> Product {
      if let product = products[shape] { return product }
      if products.count >= 512 { forget() }
      let product = build(shape)
      products[shape] = product
      return product
    }

    private func build(_ s: Shape) -> Product {
      let stride = Int64(s.strideA)
      var a = matrix(s.m, s.k, s.transposedA ? [1, stride] : [stride, 1], half: s.half)
      var c = matrix(s.m, s.n, [Int64(s.n), 1], half: false)
      var b =
        switch s.b {
        case .columns: matrix(s.k, s.n, [1, Int64(s.k)], half: s.half)
        case .rows: matrix(s.k, s.n, [Int64(s.n), 1], half: s.half)
        case .packed: packedMatrix(s.k, s.n, half: s.half)
        }
      var operation = dnnl_matmul_desc_t()
      check(dnnl_matmul_desc_init(&operation, &a, &b, nil, &c), "product")
      var attributes: dnnl_primitive_attr_t?
      check(dnnl_primitive_attr_create(&attributes), "attributes")
      check(dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user), "attributes")
      if s.accumulate {
        var after: dnnl_post_ops_t?
        check(dnnl_post_ops_create(&after), "accumulation")
        check(dnnl_post_ops_append_sum(after, 1), "accumulation")
        check(dnnl_primitive_attr_set_post_ops(attributes, after), "accumulation")
        dnnl_post_ops_destroy(after)
      }
      var description: dnnl_primitive_desc_t?
      check(dnnl_primitive_desc_create(&description, &operation, attributes, engine, nil), "product")
      let product = Product()
      check(dnnl_primitive_create(&product.primitive, description), "product")
      let scratch = dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0)
      product.scratchBytes = dnnl_memory_desc_get_size(scratch)
      check(dnnl_memory_create(&product.a, &a, engine, nil), "memory")
      check(dnnl_memory_create(&product.b, &b, engine, nil), "memory")
      check(dnnl_memory_create(&product.c, &c, engine, nil), "memory")
      check(dnnl_memory_create(&product.scratch, scratch, engine, nil), "memory")
      dnnl_primitive_desc_destroy(description)
      dnnl_primitive_attr_destroy(attributes)
      return product
    }

    private func matrix(_ rows: Int, _ columns: Int, _ strides: [Int64], half: Bool) -> dnnl_memory_desc_t {
      var description = dnnl_memory_desc_t()
      let sizes = [Int64(rows), Int64(columns)]
      check(dnnl_memory_desc_init_by_strides(&description, 2, sizes, Self.type(half: half), strides), "matrix")
      return description
    }

    private func packedMatrix(_ k: Int, _ n: Int, half: Bool) -> dnnl_memory_desc_t {
      var description = dnnl_memory_desc_t()
      let sizes = [Int64(k), Int64(n)]
      check(
        dnnl_memory_desc_init_by_tag(&description, 2, sizes, Self.type(half: half), Self.packedTag(half: half)),
        "packed weights")
      return description
    }

    private func forget() {
      for product in products.values {
        for memory in [product.a, product.b, product.c, product.scratch] { dnnl_memory_destroy(memory) }
        dnnl_primitive_destroy(product.primitive)
      }
      products = [:]
    }

    /// Shapes are our own, never a user's: a refusal is our bug.
    private func check(_ status: dnnl_status_t, _ what: StaticString) {
      precondition(status == dnnl_success, "oneDNN refused \(what): status \(status.rawValue)")
    }
  }
#endif
