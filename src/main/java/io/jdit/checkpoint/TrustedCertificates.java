package io.jdit.checkpoint;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.CertPathBuilderException;
import java.security.cert.CertPathValidatorException;
import java.security.cert.Certificate;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;

/**
 * The certificates that SSL_CERT_FILE, SSL_CERT_DIR, REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE name,
 * trusted beside Java's own: those of a company whose network looks into TLS, or of a hub inside
 * it. A file is PEM, whatever stands between its blocks, or DER; a folder is one of such files.
 */
final class TrustedCertificates {
  private static final List<String> FILES =
      List.of("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE");
  private static final String FOLDERS = "SSL_CERT_DIR";
  private static final Pattern BLOCK =
      Pattern.compile(
          "-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----([A-Za-z0-9+/=\\s]+)-----END ");

  /** By their bytes: variables often name the same. */
  private final Map<ByteBuffer, Optional<Certificate>> read = new HashMap<>();

  /** Certificates by the setting that names them, as {@code VARIABLE=path}. */
  private final Map<String, List<Certificate>> found = new LinkedHashMap<>();

  /**
   * @throws HubException naming the variable whose file is missing or holds no certificate
   */
  TrustedCertificates(Map<String, String> environment) {
    for (String variable : FILES) {
      String text = environment.getOrDefault(variable, "");
      if (!text.isEmpty()) {
        add(variable, ShellPath.of(text, environment));
      }
    }
    // OpenSSL passes over folders that are not there too.
    Stream.of(environment.getOrDefault(FOLDERS, "").split(":"))
        .filter(folder -> !folder.isEmpty())
        .map(folder -> ShellPath.of(folder, environment))
        .filter(Files::isDirectory)
        .forEach(folder -> add(FOLDERS, folder));
  }

  private void add(String variable, Path path) {
    String setting = variable + "=" + path;
    List<Certificate> certificates = new ArrayList<>();
    try {
      if (Files.isDirectory(path)) {
        try (Stream<Path> files = Files.list(path)) {
          for (Path file : files.filter(Files::isRegularFile).sorted().toList()) {
            certificates.addAll(parse(Files.readAllBytes(file)));
          }
        }
      } else {
        certificates.addAll(parse(Files.readAllBytes(path)));
      }
    } catch (IOException e) {
      throw new HubException(setting + ": the certificates cannot be read: " + e);
    }
    // A folder of a system may be empty; a file is named for what is in it.
    if (certificates.isEmpty() && !variable.equals(FOLDERS)) {
      throw new HubException(setting + ": no certificate in PEM or DER form is in it");
    }
    found.put(setting, certificates);
  }

  private List<Certificate> parse(byte[] file) {
    List<Certificate> certificates = new ArrayList<>();
    Matcher blocks = BLOCK.matcher(new String(file, StandardCharsets.ISO_8859_1));
    boolean pem = false;
    while (blocks.find()) {
      pem = true;
      certificate(Base64.getMimeDecoder().decode(blocks.group(1))).ifPresent(certificates::add);
    }
    if (!pem) {
      certificate(file).ifPresent(certificates::add);
    }
    return certificates;
  }

  /** One that Java cannot read says nothing about the others of its file. */
  private Optional<Certificate> certificate(byte[] der) {
    return read.computeIfAbsent(ByteBuffer.wrap(der), bytes -> generate(der));
  }

  private static Optional<Certificate> generate(byte[] der) {
    try {
      CertificateFactory x509 = CertificateFactory.getInstance("X.509");
      return Optional.of(x509.generateCertificate(new ByteArrayInputStream(der)));
    } catch (CertificateException e) {
      return Optional.empty();
    }
  }

  /** Number of certificates by setting, {@code VARIABLE=path}. */
  Map<String, Integer> counts() {
    Map<String, Integer> counts = new LinkedHashMap<>();
    found.forEach((setting, certificates) -> counts.put(setting, certificates.size()));
    return counts;
  }

  /** Trusts these and Java's own; empty when none are named. */
  Optional<SSLContext> context() {
    if (found.isEmpty()) {
      return Optional.empty();
    }
    try {
      KeyStore all = KeyStore.getInstance(KeyStore.getDefaultType());
      all.load(null, null);
      int number = 0;
      for (X509Certificate own : javaCertificates()) {
        all.setCertificateEntry("java" + number++, own);
      }
      for (List<Certificate> certificates : found.values()) {
        for (Certificate certificate : certificates) {
          all.setCertificateEntry("named" + number++, certificate);
        }
      }
      TrustManagerFactory trust = factory(all);
      SSLContext context = SSLContext.getInstance("TLS");
      context.init(null, trust.getTrustManagers(), null);
      return Optional.of(context);
    } catch (GeneralSecurityException | IOException e) {
      throw new IllegalStateException(e);
    }
  }

  private static List<X509Certificate> javaCertificates() throws GeneralSecurityException {
    return Stream.of(factory(null).getTrustManagers())
        .filter(X509TrustManager.class::isInstance)
        .flatMap(manager -> Stream.of(((X509TrustManager) manager).getAcceptedIssuers()))
        .toList();
  }

  private static TrustManagerFactory factory(KeyStore store) throws GeneralSecurityException {
    TrustManagerFactory factory =
        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    factory.init(store);
    return factory;
  }

  /** What is wrong with a server's certificate, when that is why a connection failed. */
  static Optional<String> complaint(Throwable failure) {
    String reason = null;
    for (Throwable t = failure; t != null; t = t.getCause()) {
      if (t instanceof CertificateException
          || t instanceof CertPathBuilderException
          || t instanceof CertPathValidatorException) {
        reason = String.valueOf(t.getMessage()).lines().findFirst().orElse("");
      }
    }
    return Optional.ofNullable(reason);
  }
}
