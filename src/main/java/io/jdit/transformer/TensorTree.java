package io.jdit.transformer;

import io.jdit.tensor.Tensor;
import java.lang.reflect.Constructor;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;

/** The tensors in a tree of records and lists, such as what conditions the blocks of a family. */
final class TensorTree {
  private TensorTree() {}

  /** In the order of components. */
  static List<Tensor> tensors(Object tree) {
    List<Tensor> found = new ArrayList<>();
    map(
        tree,
        t -> {
          found.add(t);
          return t;
        });
    return found;
  }

  /** The same tree with other tensors. */
  @SuppressWarnings("unchecked")
  static <T> T map(T tree, UnaryOperator<Tensor> tensor) {
    if (tree instanceof Tensor t) {
      return (T) tensor.apply(t);
    }
    if (tree instanceof List<?> list) {
      List<Object> mapped = new ArrayList<>();
      list.forEach(element -> mapped.add(map(element, tensor)));
      return (T) mapped;
    }
    if (!(tree instanceof Record)) {
      return tree;
    }
    RecordComponent[] components = tree.getClass().getRecordComponents();
    Object[] values = new Object[components.length];
    for (int i = 0; i < values.length; i++) {
      values[i] = map(value(tree, components[i]), tensor);
    }
    try {
      Constructor<?> constructor =
          tree.getClass()
              .getDeclaredConstructor(
                  Arrays.stream(components).map(RecordComponent::getType).toArray(Class[]::new));
      constructor.setAccessible(true);
      return (T) constructor.newInstance(values);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("cannot make another " + tree.getClass(), e);
    }
  }

  /** What it is besides the values of tensors: trees of equal form differ in these alone. */
  static Object form(Object tree) {
    if (tree instanceof Tensor t) {
      return List.of(t.dtype(), t.device(), Arrays.stream(t.shape()).boxed().toList());
    }
    if (tree instanceof List<?> list) {
      return list.stream().map(TensorTree::form).toList();
    }
    if (tree instanceof long[] numbers) {
      return Arrays.stream(numbers).boxed().toList();
    }
    if (!(tree instanceof Record)) {
      return tree == null ? List.of() : tree;
    }
    return Arrays.stream(tree.getClass().getRecordComponents())
        .map(component -> form(value(tree, component)))
        .toList();
  }

  private static Object value(Object record, RecordComponent component) {
    try {
      component.getAccessor().setAccessible(true);
      return component.getAccessor().invoke(record);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("cannot read " + component, e);
    }
  }
}
