/* Enrolment, both sides; see the header. TRANSCRIPTS.md, "Enrolment". */
#include "proto/enroll.h"

#include <sodium.h>
#include <string.h>

#include "common/arena.h"
#include "common/buffer.h"
#include "common/error.h"
#include "proto/convert.h"
#include "proto/pb.h"
#include "proto/seal.h"
#include "proto/transcript.h"

static struct transcript enroll_transcript(const uint8_t *coordinator, const void *body, size_t len)
{
        struct transcript t = transcript_named("enroll");
        transcript_add(&t, coordinator, KEY_BYTES);
        transcript_add(&t, body, len);
        return t;
}

static struct transcript signal_key_transcript(const uint8_t *coordinator,
                                               const uint8_t *signal_key)
{
        struct transcript t = transcript_named("signal-key");
        transcript_add(&t, coordinator, KEY_BYTES);
        transcript_add(&t, signal_key, KEY_BYTES);
        return t;
}

static struct transcript grant_transcript(const uint8_t *request_hash, const void *body, size_t len)
{
        struct transcript t = transcript_named("enroll-grant");
        transcript_add(&t, request_hash, KEY_BYTES);
        transcript_add(&t, body, len);
        return t;
}

/* The MAC that only the holder of the WireGuard key (or the coordinator) can make: SECRET and
 * PUBLIC_KEY are one side's secret and the other side's public key. */
static int wireguard_mac(const uint8_t *secret, const uint8_t *public_key,
                         const uint8_t *coordinator, const uint8_t *wireguard_key,
                         const struct transcript *enroll, uint8_t ret_mac[static KEY_BYTES])
{
        uint8_t shared[KEY_BYTES], key[KEY_BYTES];
        int err = x25519_shared(secret, public_key, shared);
        if (err)
                return err;
        struct transcript t = transcript_named("enroll-mac-key");
        transcript_add(&t, shared, sizeof(shared));
        transcript_add(&t, coordinator, KEY_BYTES);
        transcript_add(&t, wireguard_key, KEY_BYTES);
        transcript_hash(&t, NULL, key);
        transcript_hash(enroll, key, ret_mac);
        sodium_memzero(shared, sizeof(shared));
        sodium_memzero(key, sizeof(key));
        return 0;
}

static void hash_request(const ProtobufCBinaryData *sealed, uint8_t ret_hash[static KEY_BYTES])
{
        (void)crypto_generichash(ret_hash, KEY_BYTES, sealed->data, sealed->len, NULL, 0);
}

/* Packs CLEAR, seals it to IDENTITY, and appends the rpc message MESSAGE, whose only field is
 * *SEALED, to RET. REQUEST_HASH may be NULL. */
static int put_sealed(const ProtobufCMessage *clear, const uint8_t *identity,
                      const ProtobufCMessage *message, ProtobufCBinaryData *sealed,
                      struct buffer *ret, uint8_t *request_hash)
{
        struct buffer plain = buffer_with_max(ENROLL_MESSAGE_MAX);
        struct buffer box = buffer_with_max(ENROLL_MESSAGE_MAX);
        int err = pb_pack(clear, &plain);
        if (err)
                goto out;
        uint8_t *out = buffer_extend(&box, plain.len + SEAL_OVERHEAD_BYTES);
        err = buffer_error(&box);
        if (err)
                goto out;
        err = seal_to_identity(identity, plain.bytes, plain.len, out);
        if (err)
                goto out;
        *sealed = binary_of(box.bytes, box.len);
        if (request_hash)
                hash_request(sealed, request_hash);
        err = pb_pack(message, ret);
out:
        buffer_done(&plain);
        buffer_done(&box);
        return err;
}

/* ---- agent ---- */

static int pack_body(const struct setup_key *key, const struct node_keys *keys,
                     const Mesh__V1__EnrollBody *wishes, struct buffer *ret_body)
{
        uint8_t signature[SIGNATURE_BYTES];
        struct transcript t = signal_key_transcript(key->coordinator, keys->signal->public_key);
        int err = transcript_sign(&t, keys->identity, signature);
        if (err)
                return err;
        Mesh__V1__EnrollBody body = *wishes;
        body.setup_key_id = binary_of(key->id, sizeof(key->id));
        body.node_identity = binary_of(keys->identity->public_key, KEY_BYTES);
        body.wireguard_key = binary_of(keys->wireguard->public_key, KEY_BYTES);
        body.signal_key = binary_of(keys->signal->public_key, KEY_BYTES);
        body.signal_key_signature = binary_of(signature, sizeof(signature));
        return pb_pack(&body.base, ret_body);
}

/* The three proofs over the body. */
struct proofs {
        uint8_t by_setup_key[SIGNATURE_BYTES];
        uint8_t by_node[SIGNATURE_BYTES];
        uint8_t wireguard_mac[KEY_BYTES];
};

static int prove(const struct setup_key *key, const struct node_keys *keys,
                 const struct buffer *body, struct proofs *ret_proofs)
{
        uint8_t coordinator_x25519[KEY_BYTES];
        struct identity setup;
        struct transcript t = enroll_transcript(key->coordinator, body->bytes, body->len);
        setup_key_identity(key, &setup);
        int err = transcript_sign(&t, &setup, ret_proofs->by_setup_key);
        identity_done(&setup);
        if (!err)
                err = transcript_sign(&t, keys->identity, ret_proofs->by_node);
        if (!err)
                err = identity_public_to_x25519(key->coordinator, coordinator_x25519);
        if (!err)
                err = wireguard_mac(keys->wireguard->secret, coordinator_x25519, key->coordinator,
                                    keys->wireguard->public_key, &t, ret_proofs->wireguard_mac);
        return err;
}

int enroll_request_make(const struct setup_key *key, const struct node_keys *keys,
                        const Mesh__V1__EnrollBody *wishes, struct buffer *ret_request,
                        struct enroll_pending *ret_pending)
{
        struct buffer body = buffer_with_max(ENROLL_MESSAGE_MAX);
        struct enroll_pending pending;
        struct proofs proofs;
        int err = pack_body(key, keys, wishes, &body);
        if (!err)
                err = prove(key, keys, &body, &proofs);
        if (err)
                goto out;
        Mesh__V1__EnrollClaim claim = MESH__V1__ENROLL_CLAIM__INIT;
        claim.body = binary_of(body.bytes, body.len);
        claim.setup_key_signature = binary_of(proofs.by_setup_key, sizeof(proofs.by_setup_key));
        claim.node_signature = binary_of(proofs.by_node, sizeof(proofs.by_node));
        claim.wireguard_mac = binary_of(proofs.wireguard_mac, sizeof(proofs.wireguard_mac));
        Mesh__V1__EnrollRequest request = MESH__V1__ENROLL_REQUEST__INIT;
        err = put_sealed(&claim.base, key->coordinator, &request.base, &request.sealed, ret_request,
                         pending.request_hash);
        if (err)
                goto out;
        memcpy(pending.coordinator, key->coordinator, KEY_BYTES);
        *ret_pending = pending;
out:
        buffer_done(&body);
        return err;
}

int enroll_reply_open(const struct enroll_pending *pending, const struct identity *node,
                      const uint8_t *bytes, size_t len, struct arena *arena,
                      const Mesh__V1__EnrollGrantBody **ret_grant)
{
        ProtobufCMessage *message;
        if (len > ENROLL_MESSAGE_MAX)
                return MESH_ELIMIT;
        int err = pb_unpack(&mesh__v1__enroll_reply__descriptor, bytes, len, arena, &message);
        if (err)
                return err;
        const ProtobufCBinaryData sealed = ((Mesh__V1__EnrollReply *)message)->sealed;
        const uint8_t *plain;
        err = seal_open(node, sealed.data, sealed.len, arena, &plain);
        if (err)
                return err;
        err = pb_unpack(&mesh__v1__enroll_grant__descriptor, plain,
                        sealed.len - SEAL_OVERHEAD_BYTES, arena, &message);
        if (err)
                return err;
        const Mesh__V1__EnrollGrant *grant = (Mesh__V1__EnrollGrant *)message;
        uint8_t signature[SIGNATURE_BYTES];
        if (binary_read(&grant->signature, signature, sizeof(signature)) != 0)
                return MESH_EAUTH;
        struct transcript t =
                grant_transcript(pending->request_hash, grant->body.data, grant->body.len);
        err = transcript_verify(&t, pending->coordinator, signature);
        if (err)
                return err;
        err = pb_unpack(&mesh__v1__enroll_grant_body__descriptor, grant->body.data, grant->body.len,
                        arena, &message);
        if (err)
                return err;
        const Mesh__V1__EnrollGrantBody *body = (Mesh__V1__EnrollGrantBody *)message;
        if (body->node_id.len != NODE_ID_BYTES)
                return MESH_EFORMAT;
        *ret_grant = body;
        return 0;
}

/* ---- coordinator ---- */

/* Text that will be shown on terminals and in logs: bounded, no control characters. */
static int check_text(const char *text)
{
        size_t len = strlen(text);
        if (len > ENROLL_TEXT_MAX)
                return MESH_ELIMIT;
        for (size_t i = 0; i < len; i++) {
                const unsigned char byte = (unsigned char)text[i];
                const unsigned char next = (unsigned char)text[i + 1];
                if (byte < 0x20 || byte == 0x7f || (byte == 0xc2 && next < 0xa0))
                        return MESH_EFORMAT;
        }
        return 0;
}

static int check_texts(const Mesh__V1__EnrollBody *body)
{
        const Mesh__V1__HostFacts *facts = body->facts;
        const char *const texts[] = {
                body->wanted_name,           facts ? facts->hostname : "",
                facts ? facts->system : "",  facts ? facts->kernel : "",
                facts ? facts->machine : "", body->versions ? body->versions->software : "",
        };
        int err = body->n_wanted_tags > ENROLL_TAGS_MAX ? MESH_ELIMIT : 0;
        for (size_t i = 0; !err && i < sizeof(texts) / sizeof(texts[0]); i++)
                err = check_text(texts[i]);
        for (size_t i = 0; !err && i < body->n_wanted_tags; i++)
                err = check_text(body->wanted_tags[i]);
        return err;
}

static int read_claim(const Mesh__V1__EnrollClaim *message, struct enroll_claim *claim)
{
        const Mesh__V1__EnrollBody *body = claim->body;
        const struct {
                const ProtobufCBinaryData *field;
                void *ret;
                size_t len;
        } fields[] = {
                { &message->setup_key_signature, claim->setup_key_signature, SIGNATURE_BYTES },
                { &message->node_signature, claim->node_signature, SIGNATURE_BYTES },
                { &message->wireguard_mac, claim->wireguard_mac, KEY_BYTES },
                { &body->setup_key_id, claim->setup_key_id, SETUP_KEY_ID_BYTES },
                { &body->node_identity, claim->node_identity, KEY_BYTES },
                { &body->wireguard_key, claim->wireguard_key, KEY_BYTES },
                { &body->signal_key, claim->signal_key, KEY_BYTES },
                { &body->signal_key_signature, claim->signal_key_signature, SIGNATURE_BYTES },
        };
        int err = 0;
        for (size_t i = 0; !err && i < sizeof(fields) / sizeof(fields[0]); i++)
                err = binary_read(fields[i].field, fields[i].ret, fields[i].len);
        return err ? err : check_texts(body);
}

int enroll_request_open(const struct identity *coordinator, const uint8_t *bytes, size_t len,
                        struct arena *arena, struct enroll_claim *ret_claim)
{
        struct enroll_claim claim;
        ProtobufCMessage *message;
        if (len > ENROLL_MESSAGE_MAX)
                return MESH_ELIMIT;
        int err = pb_unpack(&mesh__v1__enroll_request__descriptor, bytes, len, arena, &message);
        if (err)
                return err;
        const ProtobufCBinaryData sealed = ((Mesh__V1__EnrollRequest *)message)->sealed;
        const uint8_t *plain;
        err = seal_open(coordinator, sealed.data, sealed.len, arena, &plain);
        if (err)
                return err;
        hash_request(&sealed, claim.request_hash);
        err = pb_unpack(&mesh__v1__enroll_claim__descriptor, plain,
                        sealed.len - SEAL_OVERHEAD_BYTES, arena, &message);
        if (err)
                return err;
        const Mesh__V1__EnrollClaim *outer = (Mesh__V1__EnrollClaim *)message;
        claim.body_bytes = outer->body.data;
        claim.body_len = outer->body.len;
        err = pb_unpack(&mesh__v1__enroll_body__descriptor, claim.body_bytes, claim.body_len, arena,
                        &message);
        if (err)
                return err;
        claim.body = (Mesh__V1__EnrollBody *)message;
        err = read_claim(outer, &claim);
        if (!err)
                *ret_claim = claim;
        return err;
}

static int check_wireguard_mac(const struct identity *coordinator, const struct enroll_claim *claim,
                               const struct transcript *enroll)
{
        uint8_t mac[KEY_BYTES];
        struct x25519_pair pair;
        identity_to_x25519(coordinator, &pair);
        int err = wireguard_mac(pair.secret, claim->wireguard_key, coordinator->public_key,
                                claim->wireguard_key, enroll, mac);
        x25519_pair_done(&pair);
        if (!err && sodium_memcmp(mac, claim->wireguard_mac, KEY_BYTES) != 0)
                err = MESH_EAUTH;
        return err;
}

int enroll_request_check(const struct identity *coordinator, const struct enroll_claim *claim,
                         const uint8_t *setup_public)
{
        const uint8_t *decoy = coordinator->public_key;
        struct transcript enroll =
                enroll_transcript(coordinator->public_key, claim->body_bytes, claim->body_len);
        struct transcript signal =
                signal_key_transcript(coordinator->public_key, claim->signal_key);
        const int results[] = {
                transcript_verify(&enroll, setup_public ? setup_public : decoy,
                                  claim->setup_key_signature),
                transcript_verify(&enroll, claim->node_identity, claim->node_signature),
                transcript_verify(&signal, claim->node_identity, claim->signal_key_signature),
                check_wireguard_mac(coordinator, claim, &enroll),
                setup_public ? 0 : MESH_EAUTH,
        };
        int err = 0;
        for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++)
                if (results[i] && err != MESH_ENOMEM)
                        err = results[i];
        return err;
}

int enroll_reply_make(const struct identity *coordinator, const struct enroll_claim *claim,
                      const Mesh__V1__EnrollGrantBody *grant, struct buffer *ret_reply)
{
        struct buffer body = buffer_with_max(ENROLL_MESSAGE_MAX);
        uint8_t signature[SIGNATURE_BYTES];
        int err = pb_pack(&grant->base, &body);
        if (err)
                goto out;
        struct transcript t = grant_transcript(claim->request_hash, body.bytes, body.len);
        err = transcript_sign(&t, coordinator, signature);
        if (err)
                goto out;
        Mesh__V1__EnrollGrant clear = MESH__V1__ENROLL_GRANT__INIT;
        clear.body = binary_of(body.bytes, body.len);
        clear.signature = binary_of(signature, sizeof(signature));
        Mesh__V1__EnrollReply reply = MESH__V1__ENROLL_REPLY__INIT;
        err = put_sealed(&clear.base, claim->node_identity, &reply.base, &reply.sealed, ret_reply,
                         NULL);
out:
        buffer_done(&body);
        return err;
}
