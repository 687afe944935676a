#include "check.h"
#include <highwater.h> /* twice in one unit */

highwater_engine *tenant_engine(void) {
  highwater_engine *engine = NULL;
  highwater_documents *documents = NULL;
  CHECK_STATUS(highwater_engine_new(NULL, 0, &engine), HIGHWATER_STATUS_OK);
  CHECK_STATUS(highwater_documents_new(0, &documents), HIGHWATER_STATUS_OK);
  CHECK_STATUS(highwater_documents_add(documents, HIGHWATER_DOCUMENT_KIND_GRAPH, TEXT("office.json"),
                                       (const uint8_t *)OFFICE, strlen(OFFICE)),
               HIGHWATER_STATUS_OK);
  CHECK_STATUS(highwater_engine_publish(engine, TEXT("contoso"), documents, NULL, 0, NULL, NULL),
               HIGHWATER_STATUS_OK);
  highwater_documents_free(documents);
  return engine;
}
