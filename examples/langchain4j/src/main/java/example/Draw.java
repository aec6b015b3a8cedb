package example;

import dev.langchain4j.data.image.Image;
import dev.langchain4j.model.image.ImageModel;
import dev.langchain4j.model.openai.OpenAiImageModel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Base64;

/** Asks a server for a picture: {@code Draw URL KEY FILE}. */
public final class Draw {
  public static void main(String[] args) throws Exception {
    ImageModel model =
        OpenAiImageModel.builder()
            .baseUrl(args[0] + "/v1")
            .apiKey(args[1])
            .modelName("shapes")
            .responseFormat("b64_json")
            .timeout(Duration.ofMinutes(10))
            .build();
    Image image = model.generate("a red circle on a white background").content();
    Files.write(Path.of(args[2]), Base64.getDecoder().decode(image.base64Data()));
    System.out.println(args[2]);
  }
}
