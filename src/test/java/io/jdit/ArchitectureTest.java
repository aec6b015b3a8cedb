package io.jdit;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

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

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          tensor      | kernels checkpoint nn attention transformer vae textencoder scheduler pipeline cache parallel quant cli server
          kernels     | checkpoint nn attention transformer vae textencoder scheduler pipeline cache parallel quant cli server
          checkpoint  | nn attention transformer vae textencoder scheduler pipeline cache parallel quant cli server
          nn          | attention transformer vae textencoder pipeline cache parallel quant cli server
          attention   | transformer vae textencoder pipeline cache parallel quant cli server
          transformer | vae textencoder pipeline cache parallel quant cli server
          vae         | transformer textencoder pipeline cache parallel quant cli server
          textencoder | transformer vae pipeline cache parallel quant cli server
          tokenizer   | tensor transformer vae textencoder pipeline cache parallel quant cli server
          cache       | transformer.flux vae textencoder pipeline parallel quant report cli server
          report      | transformer.flux vae textencoder parallel quant cli server
          parallel    | transformer.flux textencoder pipeline cache quant cli server
          pipeline    | parallel report cli server
          """)
  void layersKnowOnlyWhatIsBelow(String layer, String above) {
    String[] packages = above.strip().split(" ");
    for (int i = 0; i < packages.length; i++) {
      packages[i] = "io.jdit." + packages[i] + "..";
    }
    check(
        noClasses()
            .that()
            .resideInAPackage("io.jdit." + layer + "..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage(packages));
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
