package io.jdit.pipeline;

import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What one guidance branch of a request is conditioned on: text embeddings, masks, encoded
 * pictures, an embedded guidance value. Tensors by diffusers' names, the batch first in each, so
 * that conditions can be repeated, joined and kept without knowing the family.
 */
public record Condition(Map<String, Tensor> tensors) {
  /** Text embeddings [B, tokens, D]; families of one text sequence call them so. */
  public static final String PROMPT_EMBEDS = "prompt_embeds";

  public Condition {
    tensors = Collections.unmodifiableMap(new LinkedHashMap<>(tensors));
  }

  /** A tensor that the family put there. */
  public Tensor get(String name) {
    Tensor tensor = tensors.get(name);
    if (tensor == null) {
      throw new IllegalStateException(
          "the condition has no " + name + ", only " + tensors.keySet());
    }
    return tensor;
  }

  public boolean has(String name) {
    return tensors.containsKey(name);
  }

  /** Nothing. */
  public static Condition none() {
    return new Condition(Map.of());
  }

  /** These tensors and those of {@code other}. */
  Condition with(Condition other) {
    Map<String, Tensor> both = new LinkedHashMap<>(tensors);
    both.putAll(other.tensors);
    return new Condition(both);
  }

  /** Names, dtypes and shapes without the batch: equal where conditions can be joined. */
  Map<String, Object> rowShapes() {
    Map<String, Object> shapes = new LinkedHashMap<>();
    tensors.forEach((name, t) -> shapes.put(name, List.of(t.dtype(), JointStep.rowShape(t))));
    return shapes;
  }

  public long bytes() {
    return tensors.values().stream().mapToLong(Tensor::bytes).sum();
  }

  /** Every row {@code count} times in a row; the tensors belong to the innermost scope. */
  Condition repeated(int count) {
    Map<String, Tensor> repeated = new LinkedHashMap<>();
    tensors.forEach((name, t) -> repeated.put(name, t.repeatInterleave(count, 0)));
    return new Condition(repeated);
  }

  /** Conditions of equal shapes as one batch; the tensors belong to the innermost scope. */
  public static Condition joined(List<Condition> conditions) {
    Map<String, Tensor> joined = new LinkedHashMap<>();
    for (String name : conditions.get(0).tensors.keySet()) {
      joined.put(
          name, Tensor.cat(0, conditions.stream().map(c -> c.get(name)).toArray(Tensor[]::new)));
    }
    return new Condition(joined);
  }

  /** Lets the tensors survive {@code scope}. */
  public Condition keepIn(TensorScope scope) {
    tensors.values().forEach(scope::keep);
    return this;
  }

  /** Gives the tensors to {@code owner}. */
  Condition ownedBy(TensorScope owner) {
    tensors.values().forEach(owner::adopt);
    return this;
  }
}
