package io.jdit.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Expected values by Python's {@code os.path.expandvars(os.path.expanduser(text))}. */
class ShellPathTest {
  private static final Map<String, String> ENVIRONMENT =
      Map.of("HOME", "/home/u", "SCRATCH", "/scratch/u", "A", "x$B", "B", "no");

  @ParameterizedTest
  @CsvSource({
    "~/hf, /home/u/hf",
    "~, /home/u",
    "~nobody-of-that-name/x, ~nobody-of-that-name/x",
    "a/~/b, a/~/b",
    "$SCRATCH/hf, /scratch/u/hf",
    "${SCRATCH}/hf, /scratch/u/hf",
    "/x/$SCRATCH_2/y, /x/$SCRATCH_2/y",
    "${UNSET}/y, ${UNSET}/y",
    "$A/y, x$B/y",
    "/a$/b, /a$/b",
    "~/$SCRATCH, /home/u//scratch/u",
  })
  void expandsAsPythonDoes(String text, String expanded) {
    assertThat(ShellPath.expand(text, ENVIRONMENT)).isEqualTo(expanded);
  }

  @Test
  void anotherUsersHomeIsTheSystems() {
    assertThat(ShellPath.expand("~root/hf", ENVIRONMENT)).isEqualTo("/root/hf");
  }

  @Test
  void withoutHomeTheSystemKnowsIt() {
    assertThat(ShellPath.of("~/hf", Map.of()))
        .isEqualTo(Path.of(System.getProperty("user.home"), "hf"));
  }
}
