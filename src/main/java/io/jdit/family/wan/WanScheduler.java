package io.jdit.family.wan;

import io.jdit.checkpoint.ModelConfig;
import io.jdit.checkpoint.ModelFolder;
import io.jdit.scheduler.FlowMatchEuler;
import io.jdit.scheduler.Trajectory;
import io.jdit.scheduler.UniPcMultistep;

/**
 * The scheduler of a Wan folder: UniPC as published, or Euler.
 *
 * @param unipc null where {@code euler} is there
 */
record WanScheduler(UniPcMultistep.Config unipc, FlowMatchEuler.Config euler) {
  private static final String UNIPC = "UniPCMultistepScheduler";
  private static final String EULER = "FlowMatchEulerDiscreteScheduler";

  static WanScheduler read(ModelFolder folder) {
    ModelConfig json = folder.config("scheduler", UNIPC, EULER);
    if (folder.components().get("scheduler").equals(UNIPC)) {
      return new WanScheduler(UniPcMultistep.Config.read(json), null);
    }
    FlowMatchEuler.Config config = FlowMatchEuler.Config.read(json);
    if (config.useDynamicShifting()) {
      throw json.error("use_dynamic_shifting true is not supported with Wan, only false is");
    }
    return new WanScheduler(null, config);
  }

  /** The shift of the configuration. */
  double shift() {
    return unipc != null ? unipc.flowShift() : euler.shift();
  }

  Trajectory trajectory(int steps, double shift) {
    return unipc != null
        ? new UniPcMultistep(unipc.withFlowShift(shift)).trajectory(steps)
        : new FlowMatchEuler(euler.withShift(shift)).trainedTrajectory(steps);
  }
}
