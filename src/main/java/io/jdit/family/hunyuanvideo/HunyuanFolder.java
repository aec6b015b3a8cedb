package io.jdit.family.hunyuanvideo;

import io.jdit.checkpoint.ModelConfig;
import io.jdit.checkpoint.ModelFolder;
import io.jdit.scheduler.FlowMatchEuler;
import io.jdit.textencoder.ClipTextEncoder;
import io.jdit.textencoder.DecoderConfig;
import io.jdit.vae.HunyuanVaeConfig;

/**
 * The configurations of a HunyuanVideo folder.
 *
 * @param textPositions tokens that the language model has positions for
 */
record HunyuanFolder(
    HunyuanConfig transformer,
    DecoderConfig llama,
    int textPositions,
    ClipTextEncoder.Config clip,
    HunyuanVaeConfig vae,
    FlowMatchEuler.Config scheduler) {
  static final String TRANSFORMER_CLASS = "HunyuanVideoTransformer3DModel";
  static final String LLAMA_CLASS = "LlamaModel";
  static final String CLIP_CLASS = "CLIPTextModel";
  static final String VAE_CLASS = "AutoencoderKLHunyuanVideo";

  /** Reads the configurations and checks that they fit each other. */
  static HunyuanFolder read(ModelFolder folder) {
    HunyuanConfig transformer = HunyuanConfig.read(folder.config("transformer", TRANSFORMER_CLASS));
    ModelConfig language = folder.config("text_encoder", LLAMA_CLASS);
    DecoderConfig llama = DecoderConfig.llama(language);
    ClipTextEncoder.Config clip =
        ClipTextEncoder.Config.read(folder.config("text_encoder_2", CLIP_CLASS));
    HunyuanVaeConfig vae = HunyuanVaeConfig.read(folder.config("vae", VAE_CLASS));
    ModelConfig json = folder.config("scheduler", "FlowMatchEulerDiscreteScheduler");
    FlowMatchEuler.Config scheduler = FlowMatchEuler.Config.read(json);
    if (scheduler.useDynamicShifting()) {
      throw json.error("use_dynamic_shifting true is not supported here, only false is");
    }
    folder.requireFitting(
        "text_embed_dim of the transformer", transformer.textEmbedDim(), llama.hiddenSize());
    folder.requireFitting(
        "pooled_projection_dim of the transformer",
        transformer.pooledProjectionDim(),
        clip.hiddenSize());
    folder.requireFitting(
        "in_channels of the transformer", transformer.inChannels(), vae.latentChannels());
    folder.requireFitting(
        "out_channels of the transformer", transformer.outChannels(), vae.latentChannels());
    int positions = language.integer("max_position_embeddings", 2048);
    return new HunyuanFolder(transformer, llama, positions, clip, vae, scheduler);
  }
}
