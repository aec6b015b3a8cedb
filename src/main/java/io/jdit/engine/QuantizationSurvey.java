package io.jdit.engine;

import io.jdit.checkpoint.ModelFolder;
import io.jdit.checkpoint.WeightOrigin;
import io.jdit.family.Families;
import io.jdit.pipeline.LinearFormats;
import io.jdit.pipeline.Model;
import io.jdit.pipeline.Strategies;
import io.jdit.quant.ComponentReport;
import io.jdit.quant.Quantization;
import io.jdit.tensor.Device;
import java.util.Map;

/** What quantization makes of a model, found out by building it without data. */
final class QuantizationSurvey {
  private QuantizationSurvey() {}

  /**
   * The formats of {@code strategies} for a model, checked before any weight is read.
   *
   * @throws IllegalArgumentException when they mean layers or components that the model lacks
   */
  static LinearFormats formats(ModelFolder model, Strategies strategies) {
    LinearFormats formats =
        Quantization.at(model, strategies.origin().variant(), strategies.formats());
    of(model, strategies.withFormats(formats));
    return formats;
  }

  /** Reports by component; empty where nothing is quantized. */
  static Map<String, ComponentReport> of(ModelFolder model, Strategies strategies) {
    if (!(strategies.formats() instanceof Quantization quantization)) {
      return Map.of();
    }
    Quantization survey = quantization.afresh();
    Strategies counting =
        Strategies.on(Device.META)
            .withDtype(strategies.dtype())
            .withPlacement(ModelCost.CONFIGURED)
            .withOrigin(WeightOrigin.SHAPES)
            .withFormats(survey);
    try (Model built = Families.of(model).build(model, counting)) {
      survey.require();
      return survey.reports();
    }
  }
}
