package io.jdit.checkpoint;

/** Is told how a download goes on. Several files run at once: calls come from several threads. */
public interface DownloadProgress {
  /** Tells nobody. */
  DownloadProgress SILENT =
      new DownloadProgress() {
        @Override
        public void started(String file, long present, long total) {}

        @Override
        public void advanced(String file, long present) {}

        @Override
        public void finished(String file) {}
      };

  /**
   * A file begins.
   *
   * @param present bytes that an earlier, broken download left
   * @param total size of the file, -1 when the server does not tell
   */
  void started(String file, long present, long total);

  /**
   * So many bytes of the file are there; the number falls when a server makes the file start again.
   */
  void advanced(String file, long present);

  /** The file is complete and verified. */
  void finished(String file);
}
