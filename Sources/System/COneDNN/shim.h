#if !__has_include(<oneapi/dnnl/dnnl.h>)
#error "oneapi/dnnl/dnnl.h not found. Install it: sudo apt-get install libdnnl-dev"
#endif
#include <oneapi/dnnl/dnnl.h>

// libgomp carries oneDNN's threads; its count is set per calling thread so that Kernels' own pool does the splitting.
void omp_set_num_threads(int);
