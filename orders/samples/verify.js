// Verify a delivery notification, and answer it.
const { createHmac, timingSafeEqual } = require("node:crypto");

/** Return the paid order of a notification, or null if it was not signed with the key. */
function verify(body, key) {
  const envelope = JSON.parse(body);
  // Take Event and Payload exactly as received: do not parse and write the payload again.
  const signed = `${envelope.Event}&${envelope.Payload}`;
  const expected = createHmac("sha256", key).update(signed, "utf8").digest("hex");
  const given = Buffer.from(String(envelope.PayEventSig));
  const wanted = Buffer.from(expected);
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return null;
  return JSON.parse(envelope.Payload);
}

/** Return status and JSON to answer with. Hand the item out once per OutTradeNo before this. */
function answer(order) {
  if (order === null) {
    return [403, { returnCode: "1", returnMessage: "bad signature", data: "" }];
  }
  return [200, { returnCode: "0", returnMessage: "", data: "OK" }];
}

module.exports = { answer, verify };
