package io.jdit.offload;

import io.jdit.checkpoint.Residency;
import io.jdit.checkpoint.TensorSource;
import io.jdit.checkpoint.Weights;
import io.jdit.pipeline.Placement;
import io.jdit.pipeline.Strategies;
import io.jdit.tensor.Device;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Function;

/** Counts what the components of a model hold while it is built without data. */
public final class MemorySurvey implements Placement {
  private final Map<String, ComponentMemory> components = new LinkedHashMap<>();

  private MemorySurvey() {}

  /**
   * The components of a model that have weights, as {@code strategies} hold them.
   *
   * @param build builds and closes it with the strategies it is given; what is wrong with the files
   *     is an error there
   */
  public static Map<String, ComponentMemory> of(Strategies strategies, Consumer<Strategies> build) {
    MemorySurvey survey = new MemorySurvey();
    build.accept(
        strategies
            .withDevice(Device.META)
            .withOrigin(component -> new Outline(strategies.origin().open(component)))
            .withPlacement(survey));
    return survey.components;
  }

  /** Tokenizers have no weights. */
  @Override
  public boolean atOnce(String component) {
    return !component.startsWith("tokenizer");
  }

  @Override
  public boolean keeps(String component) {
    return true;
  }

  @Override
  public Residency residency(String component, TensorSource source, Device device) {
    List<ComponentMemory.Layer> layers = new ArrayList<>();
    return new Residency() {
      @Override
      public <M> Held<M> hold(Weights place, Function<Weights, M> constructor) {
        layers.add(Outline.of(source, place, constructor).layer());
        return Residency.always(null); // nothing is computed
      }

      @Override
      public void built(Weights weights) {
        components.put(component, new ComponentMemory(weights.ownedBytes(), layers));
      }

      @Override
      public void close() {
        // Nothing is held.
      }
    };
  }
}
