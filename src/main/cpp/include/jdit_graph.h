/*
 * CUDA graphs by LibTorch's own class, so that its allocator keeps the memory of what is recorded.
 * JavaCPP's presets leave at::cuda::CUDAGraph out, and their jars have no C++ headers: its functions
 * are looked up in the loaded library under the names that LibTorch 2.10 exports. Errors are
 * exceptions, which the JNI code of JavaCPP hands on to Java.
 */
#ifndef JDIT_GRAPH_H
#define JDIT_GRAPH_H

#include <dlfcn.h>

#include <cstring>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

namespace jdit_graph {

using Pool = std::pair<unsigned long long, unsigned long long>;

/* Room for the object, which takes less than 400 bytes. */
constexpr std::size_t kSize = 4096;
/* cudaStreamCaptureModeThreadLocal: other threads may do what they like meanwhile. */
constexpr int kThreadLocal = 1;

template <typename Function>
Function find(const char* name) {
  void* library = dlopen("libtorch_cuda.so", RTLD_LAZY | RTLD_NOLOAD);
  if (library == nullptr) {
    throw std::runtime_error("LibTorch's CUDA library is not loaded");
  }
  void* symbol = dlsym(library, name);
  dlclose(library);
  if (symbol == nullptr) {
    throw std::runtime_error(std::string("this LibTorch has no ") + name);
  }
  Function function;
  std::memcpy(&function, &symbol, sizeof function);
  return function;
}

}  // namespace jdit_graph

/** An empty graph; jdit_graph_destroy frees it. */
inline void* jdit_graph_create() {
  auto construct = jdit_graph::find<void (*)(void*, bool)>("_ZN2at4cuda9CUDAGraphC1Eb");
  void* graph = ::operator new(jdit_graph::kSize);
  try {
    construct(graph, false);
  } catch (...) {
    ::operator delete(graph);
    throw;
  }
  return graph;
}

/**
 * Records what this thread launches on its current stream, which is not the default one.
 *
 * @param pool two numbers of another graph's pool of memory, or two zeros for one of its own
 */
inline void jdit_graph_begin(void* graph, const long long* pool) {
  auto begin = jdit_graph::find<void (*)(void*, jdit_graph::Pool, int)>(
      "_ZN2at4cuda9CUDAGraph13capture_beginESt4pairIyyE21cudaStreamCaptureMode");
  begin(graph,
        {static_cast<unsigned long long>(pool[0]), static_cast<unsigned long long>(pool[1])},
        jdit_graph::kThreadLocal);
}

/** Ends the recording and makes it ready. */
inline void jdit_graph_end(void* graph) {
  jdit_graph::find<void (*)(void*)>("_ZN2at4cuda9CUDAGraph11capture_endEv")(graph);
}

/** The pool of a recorded graph. */
inline void jdit_graph_pool(void* graph, long long* pool) {
  auto id = jdit_graph::find<jdit_graph::Pool (*)(void*)>("_ZN2at4cuda9CUDAGraph4poolEv")(graph);
  pool[0] = static_cast<long long>(id.first);
  pool[1] = static_cast<long long>(id.second);
}

/** Launches a recorded graph on the thread's current stream. */
inline void jdit_graph_replay(void* graph) {
  jdit_graph::find<void (*)(void*)>("_ZN2at4cuda9CUDAGraph6replayEv")(graph);
}

inline void jdit_graph_destroy(void* graph) {
  jdit_graph::find<void (*)(void*)>("_ZN2at4cuda9CUDAGraphD1Ev")(graph);
  ::operator delete(graph);
}

#endif
