// Key files: what is written is read again, and nothing else is a key.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/common/KeyFile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

namespace gem::tools {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class KeyFileTest : public testing::Test {
 protected:
  KeyFileTest() : folder_(testing::TempDir() + "gem-key-test-XXXXXX") {
    EXPECT_NE(mkdtemp(folder_.data()), nullptr);
    path_ = folder_ + "/a.key";
    for (size_t i = 0; i < public_.size(); ++i) public_[i] = static_cast<uint8_t>(7 * i + 1);
    for (size_t i = 0; i < secret_.size(); ++i) secret_[i] = static_cast<uint8_t>(5 * i + 250);
  }
  ~KeyFileTest() override {
    unlink(path_.c_str());
    rmdir(folder_.c_str());
  }

  void Put(const std::string& text) { std::ofstream(path_, std::ios::binary) << text; }
  // The message of a refusal, "" when the file is read.
  std::string ReadPublic() {
    PublicKey key;
    std::string error;
    return ReadPublicKey(path_, &key, &error) ? "" : error;
  }

  std::string folder_, path_;
  PublicKey public_;
  SecretKey secret_;
};

TEST_F(KeyFileTest, EncodesAsRfc4648Does) {
  // Python: base64.b64encode(bytes(range(32))).
  PublicKey key;
  for (size_t i = 0; i < key.size(); ++i) key[i] = static_cast<uint8_t>(i);
  EXPECT_EQ(PublicKeyText(key),
            "gem-public-key ed25519 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n");
}

TEST_F(KeyFileTest, ReadsWhatItWrites) {
  std::string error;
  ASSERT_TRUE(WritePublicKey(path_, public_, &error)) << error;
  PublicKey key;
  ASSERT_TRUE(ReadPublicKey(path_, &key, &error)) << error;
  EXPECT_EQ(key, public_);
  unlink(path_.c_str());
  ASSERT_TRUE(WriteSecretKey(path_, secret_, &error)) << error;
  SecretKey secret;
  ASSERT_TRUE(ReadSecretKey(path_, &secret, &error)) << error;
  EXPECT_EQ(secret, secret_);
}

TEST_F(KeyFileTest, ASecretIsItsOwners) {
  std::string error;
  ASSERT_TRUE(WriteSecretKey(path_, secret_, &error)) << error;
  struct stat status;
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(KeyFileTest, NeverReplacesAFile) {
  Put("a key of value\n");
  std::string error;
  EXPECT_FALSE(WriteSecretKey(path_, secret_, &error));
  EXPECT_THAT(error, HasSubstr("it exists"));
  EXPECT_FALSE(WritePublicKey(path_, public_, &error));
  std::ifstream file(path_);
  std::string line;
  std::getline(file, line);
  EXPECT_EQ(line, "a key of value");
}

TEST_F(KeyFileTest, TheLinesEndMayBeMissing) {
  std::string text = PublicKeyText(public_);
  text.pop_back();
  Put(text);
  EXPECT_EQ(ReadPublic(), "");
}

TEST_F(KeyFileTest, RefusesEverythingElse) {
  const std::string good = PublicKeyText(public_);
  const std::string body = good.substr(0, good.size() - 1);
  const struct {
    std::string text;
    const char* message;
  } cases[] = {
      {"", "an empty file"},
      {"\n", "an empty file"},
      {"ssh-ed25519 AAAA\n", "something else"},
      {SecretKeyText(secret_), "a secret key; give its public key"},
      {good + good, "more than one line"},
      {good + "\n", "more than one line"},
      {body + "\r\n", "45 characters"},
      {" " + good, "something else"},
      {body + " \n", "45 characters"},
      {body.substr(0, body.size() - 2) + "=\n", "43 characters"},   // a digit short
      {body.substr(0, body.size() - 1) + "A\n", "44 characters"},   // no padding
      {body.substr(0, 23) + "-" + body.substr(24) + "\n", "44 characters"},  // of base64url
      {good + std::string(2000, 'x'), "more than one line"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.text);
    Put(c.text);
    const std::string error = ReadPublic();
    EXPECT_THAT(error, HasSubstr(c.message));
    EXPECT_THAT(error, HasSubstr("'" + path_ + "': expected one line 'gem-public-key ed25519 "));
  }
}

// Two texts for one key would be two key files that differ and agree.
TEST_F(KeyFileTest, RefusesUnusedBitsThatAreNotZero) {
  std::string text = PublicKeyText(public_);
  char& last = text[text.size() - 3];  // before "=\n"
  ASSERT_NE(std::string("AEIMQUYcgkosw048").find(last), std::string::npos) << last;
  ++last;
  Put(text);
  EXPECT_THAT(ReadPublic(), HasSubstr("44 characters that are not that key's BASE64"));
}

TEST_F(KeyFileTest, ASecretIsNotInTheMessage) {
  std::string text = SecretKeyText(secret_);
  const std::string secret = text.substr(23, 40);
  text[70] = '!';
  Put(text);
  SecretKey key;
  std::string error;
  EXPECT_FALSE(ReadSecretKey(path_, &key, &error));
  EXPECT_THAT(error, Not(HasSubstr(secret)));
  EXPECT_THAT(error, HasSubstr("88 characters"));
}

TEST_F(KeyFileTest, RefusesAMissingFile) { EXPECT_THAT(ReadPublic(), HasSubstr("No such file")); }

}  // namespace
}  // namespace gem::tools
