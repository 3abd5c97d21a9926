#if !__has_include(<cblas.h>)
#error "cblas.h not found. Install it: sudo apt-get install libopenblas-dev"
#endif
#include <cblas.h>
