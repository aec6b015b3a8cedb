package io.jdit.checkpoint;

import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.TreeSet;

/**
 * Tells models apart by their transformers' weights without reading all of them: names, types and
 * shapes of the tensors, and a few values at the start and in the middle of each. It does not
 * depend on where the folder lies or how the weights are divided into files.
 */
public final class WeightFingerprint {
  private static final long VALUES = 32;

  private WeightFingerprint() {}

  /**
   * SHA-256 in hexadecimal.
   *
   * @param variant of the weights, empty for none
   * @throws ModelFormatException when the weights cannot be opened
   */
  public static String of(ModelFolder folder, String variant) {
    MessageDigest digest;
    try {
      digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
    for (String component : new TreeSet<>(folder.components().keySet())) {
      if (component.startsWith("transformer")) {
        try (Checkpoint weights = Checkpoint.open(folder.path().resolve(component), variant)) {
          update(digest, component, weights);
        }
      }
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  private static void update(MessageDigest digest, String component, Checkpoint weights) {
    for (String name : new TreeSet<>(weights.names())) {
      TensorInfo info = weights.info(name);
      String about =
          component + "/" + name + " " + info.type() + " " + Arrays.toString(info.shape()) + "\n";
      digest.update(about.getBytes(StandardCharsets.UTF_8));
      try (TensorScope scope = TensorScope.open()) {
        Tensor values = weights.read(name).reshape(-1);
        long count = Math.min(VALUES, values.elements());
        long middle = (values.elements() - count) / 2;
        digest.update(values.narrow(0, 0, count).toBytes());
        digest.update(values.narrow(0, middle, count).toBytes());
      }
    }
  }
}
