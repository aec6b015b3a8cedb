package io.jdit.checkpoint;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/**
 * The cache of huggingface_hub on this machine, in the layout that the Python library writes:
 *
 * <pre>
 * models--org--name/refs/{revision}            text: the commit
 *                   snapshots/{commit}/{file}  link to ../../blobs/{etag}
 *                   blobs/{etag}               contents
 * </pre>
 *
 * @param root the folder that holds {@code models--*}
 */
public record HubCache(Path root) {

  /**
   * The cache that HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME, XDG_CACHE_HOME or HOME name, in
   * this order.
   */
  public static HubCache of(Map<String, String> environment) {
    return new HubCache(new HubEnvironment(environment).cache());
  }

  /**
   * The snapshot folder of the model, complete or not; empty when this revision was never fetched.
   */
  public Optional<Path> snapshot(HubId id) {
    return commit(id)
        .map(commit -> folder(id).resolve("snapshots").resolve(commit))
        .filter(Files::isDirectory);
  }

  private Optional<String> commit(HubId id) {
    if (id.isCommit()) {
      return Optional.of(id.revision());
    }
    Path ref = ref(id);
    try {
      return Files.isRegularFile(ref)
          ? Optional.of(Files.readString(ref).strip()).filter(text -> text.matches("[0-9a-f]+"))
          : Optional.empty();
    } catch (IOException e) {
      throw new HubException(ref + ": cannot be read: " + e);
    }
  }

  Path folder(HubId id) {
    return root.resolve(id.cacheFolder());
  }

  Path blob(HubId id, String etag) {
    return folder(id).resolve("blobs").resolve(etag);
  }

  Path lock(HubId id, String etag) {
    return root.resolve(".locks").resolve(id.cacheFolder()).resolve(etag + ".lock");
  }

  /** Links a snapshot's file to its blob; where links are not to be had the blob is copied. */
  void link(HubId id, String commit, String file, String etag) throws IOException {
    Path link = folder(id).resolve("snapshots").resolve(commit).resolve(file);
    Path blob = blob(id, etag);
    Files.createDirectories(link.getParent());
    if (Files.isRegularFile(link) && Files.isSameFile(link, blob)) {
      return;
    }
    Files.deleteIfExists(link);
    try {
      Files.createSymbolicLink(link, link.getParent().relativize(blob));
    } catch (FileAlreadyExistsException e) {
      // Another process linked it in the meantime.
    } catch (UnsupportedOperationException | FileSystemException e) {
      Files.copy(blob, link, StandardCopyOption.REPLACE_EXISTING);
    }
  }

  /**
   * Remembers which files a commit has, beside the snapshots, so that a snapshot can later be seen
   * to lack some: no other part of the layout tells.
   */
  void writeListing(HubId id, String commit, Collection<String> names) {
    writeText(listing(id, commit), String.join("\n", names));
  }

  /** Files of a snapshot's commit; empty when another program fetched it. */
  List<String> listing(HubId id, Path snapshot) {
    Path listing = listing(id, snapshot.getFileName().toString());
    try {
      return Files.isRegularFile(listing) ? Files.readAllLines(listing) : List.of();
    } catch (IOException e) {
      return List.of();
    }
  }

  private Path listing(HubId id, String commit) {
    return folder(id).resolve("listings").resolve(commit);
  }

  /** Records which commit a branch or tag stands for. */
  void writeRef(HubId id, String commit) {
    if (id.isCommit()) {
      return;
    }
    writeText(ref(id), commit);
  }

  private static void writeText(Path file, String text) {
    try {
      Files.createDirectories(file.getParent());
      Path temporary = file.resolveSibling("." + UUID.randomUUID());
      Files.writeString(temporary, text);
      Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Path ref(HubId id) {
    Path refs = folder(id).resolve("refs");
    Path ref = refs.resolve(id.revision()).normalize();
    if (!ref.startsWith(refs) || ref.equals(refs)) {
      throw new HubException("revision " + id.revision() + " is not a branch, tag or commit");
    }
    return ref;
  }
}
