package io.jdit.checkpoint;

import io.jdit.tensor.DType;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Weights in float8 with their scales beside them, without a word in a configuration: {@code
 * LAYER.weight} [out, in] in e4m3 times {@code LAYER.weight_scale} or {@code LAYER.scale_weight},
 * one number or one for each row.
 *
 * @param scales names of the scales by layer
 * @param unused names of tensors that say nothing about the weights: scales of activations, which
 *     are not quantized with weights of this form, and the mark of a file
 */
public record ScaledFloat8(Map<String, String> scales, List<String> unused) {
  private static final String WEIGHT = ".weight";
  private static final List<String> SCALES = List.of(".weight_scale", ".scale_weight");
  private static final List<String> ACTIVATIONS = List.of(".input_scale", ".scale_input");
  private static final String MARK = "scaled_fp8";

  /** Those of a checkpoint; what has another form is not among them. */
  public static ScaledFloat8 of(TensorSource source) {
    Map<String, String> scales = new LinkedHashMap<>();
    List<String> unused = new ArrayList<>();
    Set<String> names = source.names();
    for (String name : names) {
      if (name.endsWith(WEIGHT) && source.info(name).type() == StoredType.F8_E4M3) {
        String layer = name.substring(0, name.length() - WEIGHT.length());
        SCALES.stream()
            .map(layer::concat)
            .filter(s -> names.contains(s) && fits(source.info(name), source.info(s)))
            .findFirst()
            .ifPresent(
                s -> {
                  scales.put(layer, s);
                  ACTIVATIONS.stream()
                      .map(layer::concat)
                      .filter(names::contains)
                      .forEach(unused::add);
                });
      }
    }
    if (!scales.isEmpty() && names.contains(MARK)) {
      unused.add(MARK);
    }
    return new ScaledFloat8(scales, unused);
  }

  private static boolean fits(TensorInfo weight, TensorInfo scale) {
    boolean matrix = weight.shape().length == 2;
    boolean numbers = scale.type().dtype().filter(DType::isFloating).isPresent();
    return matrix && numbers && (scale.elements() == 1 || scale.elements() == weight.shape()[0]);
  }
}
