package io.jdit.kernels;

/** Records what some work launches on a GPU, to launch it again as a whole. */
public interface GraphRecorder {
  /**
   * Records {@code work} without running it: its results have their addresses, and no values before
   * the first {@link Recording#replay}. It may not read a value of the device, and what it reads
   * and writes keeps its place as long as the recording lives.
   *
   * @throws IllegalStateException when it does something that cannot be recorded
   */
  Recording record(Runnable work);

  /** Gives back the memory of recordings that are closed; none may be open. */
  void release();

  /** Recorded work. The memory of what it makes belongs to it. */
  interface Recording extends AutoCloseable {
    /** Launches it, in order with what else the thread launches. */
    void replay();

    @Override
    void close();
  }
}
