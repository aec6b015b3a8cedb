package io.jdit.tensor;

import org.bytedeco.pytorch.Dispatcher;
import org.bytedeco.pytorch.FunctionSchema;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.OperatorHandle;

/**
 * An operator of LibTorch called by name through the dispatcher: for those that the Java bindings
 * leave out. A call costs about 10 microseconds, so this is for work that takes much longer.
 */
final class AtenOp {
  private final OperatorHandle handle;

  /**
   * @param name qualified name, for example {@code aten::_scaled_mm}
   */
  AtenOp(String name) {
    Torch.load();
    this.handle = Dispatcher.singleton().findSchemaOrThrow(name, "");
  }

  /** The declaration of arguments and results, borrowed. */
  FunctionSchema schema() {
    return handle.schema();
  }

  /** Calls the operator with all its arguments, which are closed, and returns its first result. */
  Tensor call(IValue... arguments) {
    return call(1, arguments)[0];
  }

  /** The same, for the first {@code results} results, which must be tensors. */
  Tensor[] call(int results, IValue... arguments) {
    try (IValueVector stack = new IValueVector(arguments)) {
      for (IValue a : arguments) {
        a.close();
      }
      handle.callBoxed(stack);
      Tensor[] tensors = new Tensor[results];
      for (int i = 0; i < results; i++) {
        // get() and toTensor() give references into the stack: the copy is a handle of its own.
        tensors[i] = Tensor.wrap(new org.bytedeco.pytorch.Tensor(stack.get(i).toTensor()));
      }
      return tensors;
    }
  }

  /** Calls an operator without arguments that answers a question. */
  boolean isTrue() {
    try (IValueVector stack = new IValueVector()) {
      handle.callBoxed(stack);
      return stack.get(0).toBool();
    }
  }
}
