package io.jdit.engine;

import io.jdit.checkpoint.MetaWeights;
import io.jdit.checkpoint.ModelFolder;
import io.jdit.checkpoint.WeightOrigin;
import io.jdit.config.Values;
import io.jdit.family.Families;
import io.jdit.nn.LinearFactory;
import io.jdit.parallel.LayoutPlan;
import io.jdit.parallel.Mesh;
import io.jdit.parallel.ParallelConfig;
import io.jdit.parallel.PlanRequest;
import io.jdit.parallel.TransformerCost;
import io.jdit.parallel.TransformerMeter;
import io.jdit.pipeline.Condition;
import io.jdit.pipeline.Family;
import io.jdit.pipeline.Model;
import io.jdit.pipeline.Placement;
import io.jdit.pipeline.Request;
import io.jdit.pipeline.Strategies;
import io.jdit.scheduler.Trajectory;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Generator;
import io.jdit.tensor.MetaMemory;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What a model costs at the size of a request, found out by building it without data and computing
 * one call of its transformer with strategies that count.
 *
 * @param transformer of the expert that computes the first step, for one output
 * @param weights elements of each component that has any
 */
public record ModelCost(TransformerCost transformer, Map<String, Long> weights, Request request) {
  /** A second transformer is like it, and must not be counted twice. */
  private static final String FIRST_EXPERT = "transformer";

  /** Tokenizers have files that are no configurations, and nothing here needs them. */
  static final Placement CONFIGURED =
      new Placement() {
        @Override
        public boolean atOnce(String component) {
          return !component.startsWith("tokenizer");
        }

        @Override
        public boolean keeps(String component) {
          return true;
        }
      };

  /**
   * @param request may lack a prompt
   * @throws IllegalArgumentException when the request does not fit the model
   */
  public static ModelCost of(Path folder, Values request) {
    ModelFolder model = ModelFolder.open(folder);
    Family family = Families.of(model);
    Request resolved = family.parameters(model).outline(request);
    TransformerMeter meter = new TransformerMeter();
    Map<String, MetaWeights> sources = new LinkedHashMap<>();
    Strategies counting =
        Strategies.on(Device.META)
            .withDtype(DType.BFLOAT16)
            .withPlacement(CONFIGURED)
            .withOrigin(
                component ->
                    sources.computeIfAbsent(
                        component.getFileName().toString(), name -> new MetaWeights()))
            .withLinears(
                component ->
                    component.equals(FIRST_EXPERT) ? meter.linears() : LinearFactory.dense())
            .withAttention(meter.attention())
            .withSequence(meter.sequence());
    try (TensorScope scope = TensorScope.open();
        Model built = family.build(model, counting);
        Generator noise = new Generator(0);
        Trajectory trajectory = built.trajectory(resolved)) {
      Condition condition =
          built.example(resolved, shape -> Tensor.empty(DType.BFLOAT16, Device.META, shape));
      float t = trajectory.timestep(0);
      Tensor latents = built.start(resolved, noise).narrow(0, 0, 1);
      Tensor output = built.predict(resolved, latents, condition, new float[] {t}, meter.runner());
      Map<String, Long> weights = new LinkedHashMap<>();
      sources.forEach((name, source) -> weights.put(name, source.elements()));
      long own = weights.get(built.expert(resolved, t));
      return new ModelCost(meter.cost(own, output.elements()), weights, resolved);
    }
  }

  /**
   * The most bytes of tensors while a request of this size is decoded, besides weights: counted in
   * a decoding without data, to which comes what convolutions need by themselves.
   */
  static long decodingBytes(ModelFolder model, Request request, Strategies strategies) {
    Strategies shapes =
        strategies
            .withDevice(Device.META)
            .withPlacement(CONFIGURED)
            .withOrigin(WeightOrigin.SHAPES);
    try (MetaMemory memory = MetaMemory.open();
        TensorScope scope = TensorScope.open();
        Model built = Families.of(model).build(model, shapes);
        Generator noise = new Generator(0)) {
      Condition condition =
          built.example(request, shape -> Tensor.empty(strategies.dtype(), Device.META, shape));
      Tensor latents = built.start(request, noise);
      memory.restart();
      built.decode(request, latents, condition, (output, frame, picture) -> {});
      return memory.peak();
    }
  }

  /** Largest set of activations in a step of one process, by estimate. */
  long activationBytes(DType dtype) {
    PlanRequest plan = new PlanRequest(transformer, request.outputs(), 1, dtype, 0, 1, 1);
    return LayoutPlan.of(ParallelConfig.of(Mesh.single()), plan).activationBytes();
  }

  /** Attention heads of the transformer: they decide about an automatic layout. */
  public static int heads(Path folder) {
    return of(folder, Values.none()).transformer().heads();
  }
}
