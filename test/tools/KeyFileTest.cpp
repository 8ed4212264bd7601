// Key files: what is written is read again, and nothing else is a key.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/common/KeyFile.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

// Sanitizers keep the heap elsewhere, and let nobody look at the whole stack.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define GEM_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define GEM_SANITIZED
#endif
#endif

namespace gem::tools {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class KeyFileTest : public testing::Test {
 protected:
  KeyFileTest() : folder_(testing::TempDir() + "gem-key-test-XXXXXX") {
    EXPECT_NE(mkdtemp(folder_.data()), nullptr);
    path_ = folder_ + "/a.key";
    secret_path_ = folder_ + "/secret.key";
    for (size_t i = 0; i < public_.size(); ++i) public_[i] = static_cast<uint8_t>(7 * i + 1);
    for (size_t i = 0; i < secret_.size(); ++i) secret_[i] = static_cast<uint8_t>(5 * i + 250);
  }
  ~KeyFileTest() override {
    unlink(path_.c_str());
    unlink(secret_path_.c_str());
    rmdir(folder_.c_str());
  }

  void Put(const std::string& text) { std::ofstream(path_, std::ios::binary) << text; }
  // The message of a refusal, "" when the file is read.
  std::string ReadPublic() {
    PublicKey key;
    std::string error;
    return ReadPublicKey(path_, &key, &error) ? "" : error;
  }

  // "" when the pair was written.
  std::string WritePair() {
    std::string error;
    return WriteKeyPair(secret_path_, secret_, path_, public_, &error) ? "" : error;
  }
  static std::string Get(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  std::string folder_, path_, secret_path_;
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
  ASSERT_EQ(WritePair(), "");
  PublicKey key;
  std::string error;
  ASSERT_TRUE(ReadPublicKey(path_, &key, &error)) << error;
  EXPECT_EQ(key, public_);
  SecretKey secret;
  ASSERT_TRUE(ReadSecretKey(secret_path_, &secret, &error)) << error;
  EXPECT_EQ(secret, secret_);
}

TEST_F(KeyFileTest, ASecretIsItsOwners) {
  struct stat status;
  ASSERT_EQ(WritePair(), "");
  ASSERT_EQ(stat(secret_path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  // Also where others may read what is replaced.
  ASSERT_EQ(chmod(secret_path_.c_str(), 0644), 0);
  ASSERT_EQ(WritePair(), "");
  ASSERT_EQ(stat(secret_path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(KeyFileTest, TheOldPairStaysUntilTheNewOneIsWritten) {
  ASSERT_EQ(WritePair(), "");
  const std::string secret = Get(secret_path_), public_key = Get(path_);
  public_[0] ^= 1;
  secret_[0] ^= 1;
  const pid_t child = fork();
  if (child == 0) {
    // A write that fails, as on a full disk.
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {0, 0};
    setrlimit(RLIMIT_FSIZE, &limit);
    _exit(WritePair().find("File too large") != std::string::npos ? 7 : 8);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 7);
  EXPECT_EQ(Get(secret_path_), secret);
  EXPECT_EQ(Get(path_), public_key);

  // One that cannot be replaced keeps the other.
  unlink(path_.c_str());
  ASSERT_EQ(mkdir(path_.c_str(), 0700), 0);
  EXPECT_THAT(WritePair(), HasSubstr("it is a directory"));
  EXPECT_EQ(Get(secret_path_), secret);
  rmdir(path_.c_str());
}

#if defined(__linux__) && !defined(GEM_SANITIZED)
// What must not be in the heap or on the stack. It is made before, and looked for by a loop
// that calls nothing: neither may cover the traces.
class Traces {
 public:
  // Of 40 digits of the key in the file at `path`; a buffer may lose its ends. Kept as their
  // complement, so as not to find themselves.
  explicit Traces(const std::string& path) {
    const int file = open(path.c_str(), O_RDONLY);
    char c = 0;
    for (size_t i = 0; i < 63 && read(file, &c, 1) == 1; ++i) {
      if (i >= 23) complement_[size_++] = static_cast<char>(~c);
    }
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
      if (!line.ends_with("[heap]") && !line.ends_with("[stack]")) continue;
      char* end = nullptr;
      const auto* begin = reinterpret_cast<const char*>(std::strtoull(line.c_str(), &end, 16));
      const auto* stop = reinterpret_cast<const char*>(std::strtoull(end + 1, nullptr, 16));
      ranges_.push_back({begin, stop});
    }
  }

  bool AreThere() const {
    for (const auto& [begin, end] : ranges_) {
      for (const char* at = begin; at + size_ <= end; ++at) {
        size_t same = 0;
        while (same < size_ && at[same] == static_cast<char>(~complement_[same])) ++same;
        if (size_ == 0 || same == size_) return true;
      }
    }
    return false;
  }

 private:
  char complement_[40];
  size_t size_ = 0;
  std::vector<std::pair<const char*, const char*>> ranges_;
};

// In a process of its own, whose memory has held no key before.
template <typename Body>
int ExitCodeOf(Body body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(KeyFileTest, ASecretDoesNotStayInMemory) {
  for (uint8_t& byte : secret_) byte ^= 0x5a;  // unlike what other tests left
  ASSERT_EQ(ExitCodeOf([&] { return WritePair().empty() ? 0 : 2; }), 0);
  EXPECT_EQ(ExitCodeOf([&] {
              const Traces traces(secret_path_);
              std::string error;
              if (!WriteKeyPair(secret_path_, secret_, path_, public_, &error)) return 2;
              return traces.AreThere() ? 1 : 0;
            }),
            0);
  EXPECT_EQ(ExitCodeOf([&] {
              const Traces traces(secret_path_);
              SecretKey key;
              std::string error;
              if (!ReadSecretKey(secret_path_, &key, &error)) return 2;
              return traces.AreThere() ? 1 : 0;
            }),
            0);
  // What is looked for is found where it is.
  EXPECT_EQ(ExitCodeOf([&] {
              const Traces traces(secret_path_);
              const std::string text = SecretKeyText(secret_);
              return traces.AreThere() && !text.empty() ? 1 : 0;
            }),
            1);
}
#endif

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
