package io.jdit;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.Dependency;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/** Who may know whom. */
class ArchitectureTest {
  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages("io.jdit");

  @Test
  void onlyTheNativeLayersSeeBytedeco() {
    check(
        noClasses()
            .that()
            .resideOutsideOfPackages(
                "io.jdit.tensor", "io.jdit.kernels", "io.jdit.parallel", "io.jdit.media")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("org.bytedeco.."));
  }

  /** From the ground up: a package sees those of the floors below, and nothing beside it. */
  private static final List<Set<String>> FLOORS =
      List.of(
          Set.of("config", "tensor", "media", "metrics"),
          Set.of("kernels"),
          Set.of("checkpoint"),
          Set.of("nn"),
          Set.of("attention"),
          Set.of("transformer", "textencoder", "vae", "scheduler", "tokenizer"),
          Set.of("pipeline"),
          Set.of("family", "cache", "parallel", "quant", "offload"),
          Set.of("report"),
          Set.of("engine"),
          Set.of("server"),
          Set.of("cli"));

  @Test
  void noArrowRunsUpOrBesideItsFloor() {
    Set<String> wrong = new TreeSet<>();
    for (JavaClass origin : CLASSES) {
      String from = room(origin);
      for (Dependency d : origin.getDirectDependenciesFromSelf()) {
        String to = room(d.getTargetClass());
        if (!from.isEmpty() && !to.isEmpty() && !from.equals(to) && floor(to) >= floor(from)) {
          wrong.add(
              origin.getName() + " -> " + d.getTargetClass().getBaseComponentType().getName());
        }
      }
    }
    assertThat(wrong).isEmpty();
  }

  /** First package below io.jdit; empty for what is not JDiT's. */
  private static String room(JavaClass type) {
    String name = type.getBaseComponentType().getPackageName();
    return name.startsWith("io.jdit.") ? name.split("\\.")[2] : "";
  }

  private static int floor(String room) {
    for (int i = 0; i < FLOORS.size(); i++) {
      if (FLOORS.get(i).contains(room)) {
        return i;
      }
    }
    throw new AssertionError("package io.jdit." + room + " stands on no floor");
  }

  /** A family sees no other; everybody else sees their list only. */
  @Test
  void familiesAreKnownToTheirListAlone() {
    Set<String> wrong = new TreeSet<>();
    for (JavaClass origin : CLASSES) {
      for (Dependency d : origin.getDirectDependenciesFromSelf()) {
        String to = d.getTargetClass().getBaseComponentType().getPackageName();
        if (to.startsWith("io.jdit.family.")
            && !origin.getPackageName().equals(to)
            && !origin.getName().equals("io.jdit.family.Families")) {
          wrong.add(origin.getName() + " -> " + to);
        }
      }
    }
    assertThat(wrong).isEmpty();
  }

  /** In Turkish the small letter of I has no dot: keys and names would not be found. */
  @Test
  void nothingDependsOnTheLocaleOfTheMachine() {
    check(
        noClasses()
            .should()
            .callMethod(String.class, "toLowerCase")
            .orShould()
            .callMethod(String.class, "toUpperCase")
            .orShould()
            .callMethod(String.class, "format", String.class, Object[].class));
  }

  @Test
  void namesSayWhatATypeIs() {
    check(
        classes()
            .that()
            .resideInAPackage("io.jdit..")
            .should()
            .haveNameNotMatching(".*(Utils?|Helpers?|Managers?)$"));
  }

  private static void check(ArchRule rule) {
    rule.allowEmptyShould(true).check(CLASSES);
  }
}
