//! The object stores there are, and where each looks for credentials.

/// Whose object store it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cloud {
    /// `s3://BUCKET/PATH`: Amazon S3, and what speaks its protocol.
    S3,
    /// `gs://BUCKET/PATH`: Google Cloud Storage.
    Google,
    /// `az://CONTAINER/PATH`: Azure Blob Storage.
    Azure,
}

impl Cloud {
    pub(super) const ALL: [Cloud; 3] = [Cloud::S3, Cloud::Google, Cloud::Azure];

    /// How its URLs begin.
    pub(super) fn scheme(self) -> &'static str {
        match self {
            Cloud::S3 => "s3",
            Cloud::Google => "gs",
            Cloud::Azure => "az",
        }
    }

    /// Where its credentials are looked for.
    pub(super) fn credentials(self) -> &'static str {
        match self {
            Cloud::S3 => {
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (AWS_REGION, and AWS_ENDPOINT_URL for another server than Amazon's), or give the machine a role"
            }
            Cloud::Google => {
                "set GOOGLE_APPLICATION_CREDENTIALS to the file of a service account, or give the machine a role"
            }
            Cloud::Azure => {
                "set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY, or give the machine a role"
            }
        }
    }
}
