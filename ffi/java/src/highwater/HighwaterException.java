package highwater;

/** A call was refused. Nothing of it took effect, unless its status says otherwise. */
public class HighwaterException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final int code;
  private final String status;
  private final String detail;
  private final String path;
  private final String report;

  HighwaterException(int code, String status, String detail, String path, String report) {
    super(path.isEmpty() ? detail : detail + " (at `" + path + "`)");
    this.code = code;
    this.status = status;
    this.detail = detail;
    this.path = path;
    this.report = report == null || report.isEmpty() ? null : report;
  }

  /** The number of the status; numbers are never reused. */
  public int code() {
    return code;
  }

  /** The name of the status, such as {@code INVALID_CLAIMS}. */
  public String status() {
    return status;
  }

  /** The message without the path. */
  public String detail() {
    return detail;
  }

  /** Where: a JSON Pointer into the input, a file, a claim, a parameter, a transmitter. */
  public String path() {
    return path;
  }

  /** What the library reported of it, JSON; null where it reports nothing. */
  public String report() {
    return report;
  }
}
